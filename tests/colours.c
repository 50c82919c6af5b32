#include "colours.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

const double colours[COLOURS][4] = {
    {0, 0, 0, 1},           {1, 1, 1, 0.5},       {0.5, 0.5, 0.5, 0.8}, {0.9, 0.2, 0.1, 0.25},
    {0.02, 0.05, 0.1, 0.9}, {0.3, 0.6, 0.9, 0.1}, {0.2, 0.7, 0.4, 0.6}, {0.77, 0.11, 0.66, 0},
};

double linear(double v)
{
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

double encoded(double v)
{
    v = fmin(fmax(v, 0), 1);
    return v <= 0.0031308 ? 12.92 * v : 1.055 * pow(v, 1 / 2.4) - 0.055;
}

pb_photo photo_of(const scratch *s, const char *name)
{
    pb_photo photo = PB_PHOTO_EMPTY;

    MUST(pb_photo_read(&photo, *name == '/' ? name : scratch_path(s, name).text,
                       &(pb_crop){.fit = PB_FIT_STRETCH}, 32, 32, error));
    return photo;
}

void expect_pixels(const scratch *s, const char *name, double (*expected)[3], size_t count,
                   double tolerance)
{
    pb_photo photo = photo_of(s, name);

    assert_int_equal(photo.pixels.width * photo.pixels.height, count);
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < 3; c++)
            if (!(fabs(photo.pixels.rgb[3 * i + c] - 255 * expected[i][c]) <= tolerance))
                fail_msg("%s: pixel %zu, band %zu is %d, expected %g", name, i, c,
                         photo.pixels.rgb[3 * i + c], 255 * expected[i][c]);
    pb_photo_clear(&photo);
}

void expect_colours(const scratch *s, const char *name, bool grey, bool transparent,
                    double tolerance)
{
    double expected[COLOURS][3];

    for (size_t i = 0; i < COLOURS; i++)
        for (size_t c = 0; c < 3; c++) {
            double v = grey ? colours[i][1] : colours[i][c];
            expected[i][c] = transparent ? 1 + colours[i][3] * (v - 1) : v;
        }
    expect_pixels(s, name, expected, COLOURS, tolerance);
}

void expect_refusal(const scratch *s, const char *name, pb_status status, const char *message)
{
    pb_photo photo = PB_PHOTO_EMPTY;
    pb_error error = {0};

    if (pb_photo_read(&photo, scratch_path(s, name).text, &(pb_crop){.fit = PB_FIT_STRETCH}, 32, 32,
                      &error) != status)
        fail_msg("%s: expected status %d: %s", name, status, error.message);
    if (!strstr(error.message, message) || !strstr(error.message, name))
        fail_msg("%s: expected %s, found %s", name, message, error.message);
}

void write_tiff(const scratch *s, const char *name, const tiff *t)
{
    size_t count;
    unsigned char *bytes = tiff_bytes(t, &count);

    scratch_write(s, name, bytes, count);
    free(bytes);
}

void put(unsigned char **at, double value, size_t bits, int format)
{
    uint64_t integer = (uint64_t)llround(value * (double)((UINT64_C(1) << bits % 64) - 1));
    uint8_t byte = (uint8_t)integer;
    uint16_t word = (uint16_t)integer;
    uint32_t number = (uint32_t)integer;
    float single = (float)value;
    const void *from = format == TIFF_FLOAT ? (bits == 32 ? (void *)&single : (void *)&value)
                       : bits == 8          ? (void *)&byte
                       : bits == 16         ? (void *)&word
                                            : (void *)&number;

    memcpy(*at, from, bits / 8);
    *at += bits / 8;
}

tiff page_of(unsigned char *pixels, bool grey, size_t bits, int format, int meaning)
{
    size_t bands = (grey ? 1 : 3) + (meaning >= 0);
    unsigned char *at = pixels;

    for (size_t i = 0; i < COLOURS; i++) {
        for (size_t c = 0; c < (grey ? 1 : 3); c++) {
            double v = grey ? colours[i][1] : colours[i][c];
            if (format == TIFF_FLOAT)
                v = linear(v);
            put(&at, meaning == TIFF_PREMULTIPLIED ? v * colours[i][3] : v, bits, format);
        }
        if (meaning >= 0)
            put(&at, colours[i][3], bits, format);
    }
    return (tiff){.width = 4,
                  .height = 2,
                  .bands = bands,
                  .bits = bits,
                  .photometric = grey ? TIFF_MIN_IS_BLACK : TIFF_RGB,
                  .format = format,
                  .extra = meaning >= 0,
                  .meaning = meaning,
                  .pixels = pixels};
}
