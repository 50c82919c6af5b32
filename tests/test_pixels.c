/* Every kind of pixel that a file can hold: read as the right 8-bit sRGB over white, to 1 of 255,
 * or refused by name. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <vips/vips.h>

#include "base/memory.h"
#include "colours.h"
#include "golden.h"
#include "picture/srgb.h"

/* -- integers and floats, grey and RGB -------------------------------------------------------- */

static void test_integers(void **state)
{
    unsigned char pixels[COLOURS * 16];

    (void)state;
    for (int grey = 0; grey < 2; grey++)
        for (size_t bits = 8; bits <= 32; bits *= 2)
            for (int meaning = -1; meaning <= TIFF_TRANSPARENT; meaning++) {
                tiff t = page_of(pixels, grey, bits, TIFF_UINT, meaning);
                char name[64];
                if (meaning == TIFF_UNSPECIFIED)
                    continue;
                snprintf(name, sizeof name, "%s%zu%s.tif", grey ? "grey" : "rgb", bits,
                         meaning == TIFF_PREMULTIPLIED ? "pre"
                         : meaning > 0                 ? "alpha"
                                                       : "");
                write_tiff(&here, name, &t);
                if (bits == 32 && meaning >= 0)
                    expect_refusal(&here, name, PB_UNSUPPORTED, "bands of uint");
                else /* 8 bits premultiplied have lost some of theirs */
                    expect_colours(&here, name, grey, meaning >= 0,
                                   meaning == TIFF_PREMULTIPLIED && bits == 8 ? 1.51 : 1);
            }
}

/* Signed integers and floats without a range are nobody's black to white. */
static void test_no_range(void **state)
{
    unsigned char pixels[COLOURS * 16];
    tiff t;

    (void)state;
    for (size_t bits = 8; bits <= 32; bits *= 2)
        for (int grey = 0; grey < 2; grey++) {
            t = page_of(pixels, grey, bits, TIFF_INT, -1);
            write_tiff(&here, "signed.tif", &t);
            expect_refusal(&here, "signed.tif", PB_UNSUPPORTED,
                           bits == 8    ? "of char"
                           : bits == 16 ? "of short"
                                        : "of int");
        }
    t = page_of(pixels, true, 32, TIFF_FLOAT, -1);
    write_tiff(&here, "grey.tif", &t);
    expect_refusal(&here, "grey.tif", PB_UNSUPPORTED, "found 1 bands of float as b-w");
    t = page_of(pixels, false, 32, TIFF_FLOAT, TIFF_TRANSPARENT);
    write_tiff(&here, "alpha.tif", &t);
    expect_refusal(&here, "alpha.tif", PB_UNSUPPORTED, "found 4 bands of float as scrgb");
}

/* Linear light. */
static void test_floats(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    static const float beyond[6] = {-1, 0.5f, 2, 1e30f, -1e30f, 0};
    double expected[2][3] = {{0, 0, 1}, {1, 0, 0}};
    unsigned char pixels[COLOURS * 16];
    tiff t;

    (void)state;
    expected[0][1] = encoded(0.5);
    t = page_of(pixels, false, 32, TIFF_FLOAT, -1);
    write_tiff(&here, "linear.tif", &t);
    expect_colours(&here, "linear.tif", false, false, 1);
    t = (tiff){.width = 2,
               .height = 1,
               .bands = 3,
               .bits = 32,
               .photometric = TIFF_RGB,
               .format = TIFF_FLOAT,
               .pixels = beyond};
    write_tiff(&here, "beyond.tif", &t);
    expect_pixels(&here, "beyond.tif", expected, 2, 1);
    for (size_t i = 0; i < 3; i++) {
        t = page_of(pixels, false, 32, TIFF_FLOAT, -1);
        memcpy(pixels + (6 * 3 + 1) * sizeof(float), &bad[i], sizeof(float));
        write_tiff(&here, "bad.tif", &t);
        expect_refusal(&here, "bad.tif", PB_FORMAT,
                       "pixel (2, 1), band 1: expected a finite number");
    }
}

/* -- fewer bits, palettes --------------------------------------------------------------------- */

static void test_few_bits(void **state)
{
    static const unsigned char bits[3] = {0xa0, 0x1b, 0x4f};
    static const size_t widths[] = {3, 4, 2};
    double expected[3][4][3] = {
        {{1, 1, 1}, {0, 0, 0}, {1, 1, 1}},
        {{0, 0, 0}, {1 / 3.0, 1 / 3.0, 1 / 3.0}, {2 / 3.0, 2 / 3.0, 2 / 3.0}, {1, 1, 1}},
        {{4 / 15.0, 4 / 15.0, 4 / 15.0}, {1, 1, 1}}};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (int white = 1; white >= 0; white--) {
            const tiff t = {.width = widths[i],
                            .height = 1,
                            .bands = 1,
                            .bits = (size_t)1 << i,
                            .photometric = white ? TIFF_MIN_IS_BLACK : TIFF_MIN_IS_WHITE,
                            .pixels = &bits[i]};
            write_tiff(&here, "bits.tif", &t);
            expect_pixels(&here, "bits.tif", expected[i], widths[i], 1);
            for (size_t k = 0; k < 12; k++)
                expected[i][k / 3][k % 3] = 1 - expected[i][k / 3][k % 3];
        }
}

/* Indices of 4, 8 and 16 bits into a palette of 16, and with a band of transparency. */
static void test_palettes(void **state)
{
    (void)state;
    for (int grey = 0; grey < 2; grey++)
        for (size_t bits = 4; bits <= 16; bits *= 2)
            for (int alpha = 0; alpha < 2; alpha++) {
                size_t entries = (size_t)1 << bits;
                uint16_t *palette = pb_calloc(3 * entries, sizeof *palette);
                unsigned char pixels[COLOURS * 4] = {0}, *at = pixels;
                tiff t = {.width = COLOURS,
                          .height = 1,
                          .bands = 1 + (size_t)alpha,
                          .bits = bits,
                          .photometric = TIFF_PALETTE,
                          .extra = (size_t)alpha,
                          .meaning = TIFF_TRANSPARENT,
                          .pixels = pixels,
                          .palette = palette};
                assert_non_null(palette);
                for (size_t i = 0; i < COLOURS; i++) {
                    for (size_t c = 0; c < 3; c++)
                        palette[c * entries + i] =
                            (uint16_t)lround(65535 * (grey ? colours[i][1] : colours[i][c]));
                    if (bits == 4)
                        pixels[i / 2] |= (unsigned char)(i << (i % 2 ? 0 : 4));
                    else {
                        put(&at, (double)i / (double)(entries - 1), bits, TIFF_UINT);
                        if (alpha)
                            put(&at, colours[i][3], bits, TIFF_UINT);
                    }
                }
                if (bits > 4 || !alpha) {
                    write_tiff(&here, "palette.tif", &t);
                    expect_colours(&here, "palette.tif", grey, alpha, 1);
                }
                pb_free(palette);
            }
}

/* A palette of PNG, with its own transparency. */
static void test_png_palette(void **state)
{
    const double expected[1][3] = {{1 + 100 / 255.0 * (10 / 255.0 - 1),
                                    1 + 100 / 255.0 * (200 / 255.0 - 1),
                                    1 + 100 / 255.0 * (90 / 255.0 - 1)}};
    const unsigned char rgba[4] = {10, 200, 90, 100};
    VipsImage *image, *typed = NULL;

    (void)state;
    image = vips_image_new_from_memory_copy(rgba, 4, 1, 1, 4, VIPS_FORMAT_UCHAR);
    assert_int_equal(vips_copy(image, &typed, "interpretation", VIPS_INTERPRETATION_sRGB, NULL), 0);
    if (vips_image_write_to_file(typed, scratch_path(&here, "p.png").text, "palette", TRUE, NULL) ==
        0)
        expect_pixels(&here, "p.png", (double(*)[3])expected, 1, 1);
    else
        vips_error_clear(); /* a libvips without quantisation */
    g_object_unref(typed);
    g_object_unref(image);
}

/* -- bands ------------------------------------------------------------------------------------ */

/* More bands than colours and one of transparency, and colours of an unknown kind. */
static void test_bands(void **state)
{
    static const unsigned char pixels[34] = {0};
    static const struct {
        int photometric;
        size_t bands, extra;
        const char *message;
    } cases[] = {
        {TIFF_RGB, 5, 2, "found 5 bands of uchar as srgb"},
        {TIFF_RGB, 17, 3, "found 17 bands: at most 16"},
        {TIFF_RGB, 6, 3, "found 6 bands of uchar as srgb"},
        {TIFF_MIN_IS_BLACK, 3, 2, "found 3 bands of uchar as b-w"},
        {TIFF_MIN_IS_BLACK, 4, 3, "found 4 bands of uchar as b-w"},
        {TIFF_CMYK, 6, 2, "found 6 bands of uchar as cmyk"},
        {TIFF_CMYK, 3, 0, "found 3 bands of uchar as multiband"},
        {TIFF_LAB, 4, 1, "found 4 bands of short as labs"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const tiff t = {.width = 2,
                        .height = 1,
                        .bands = cases[i].bands,
                        .bits = 8,
                        .photometric = cases[i].photometric,
                        .extra = cases[i].extra,
                        .meaning = TIFF_UNSPECIFIED,
                        .pixels = pixels};
        write_tiff(&here, "bands.tif", &t);
        expect_refusal(&here, "bands.tif", PB_UNSUPPORTED, cases[i].message);
    }
}

/* -- upright ---------------------------------------------------------------------------------- */

/* Where row y and column x of 2 x 3 stored pixels belong, by EXIF's definition of the tag: to
 * which side of the upright picture the first row, and the first column, go. */
static void upright(int tag, size_t x, size_t y, long *at_x, long *at_y)
{
    static const char sides[9][2] = {"", "tl", "tr", "br", "bl", "lt", "rt", "rb", "lb"};
    const size_t place[2] = {y, x}, last[2] = {1, 2};

    for (int i = 0; i < 2; i++) {
        long from_start = (long)place[i], from_end = (long)(last[i] - place[i]);
        char side = sides[tag][i];
        if (side == 't' || side == 'b')
            *at_y = side == 't' ? from_start : from_end;
        else
            *at_x = side == 'l' ? from_start : from_end;
    }
}

/* A crop names pixels of the upright photo: each one alone, at every orientation. */
static void test_crops(void **state)
{
    static const unsigned char pixels[6] = {0, 50, 100, 150, 200, 250};

    (void)state;
    for (int tag = 1; tag <= 8; tag++) {
        const tiff t = {.width = 3,
                        .height = 2,
                        .bands = 1,
                        .bits = 8,
                        .photometric = TIFF_MIN_IS_BLACK,
                        .orientation = tag,
                        .pixels = pixels};
        write_tiff(&here, "turned.tif", &t);
        for (size_t i = 0; i < 6; i++) {
            pb_area crop = {0, 0, 1, 1};
            pb_photo photo = PB_PHOTO_EMPTY;
            pb_tensor seen = PB_TENSOR_EMPTY;
            upright(tag, i % 3, i / 3, &crop.x, &crop.y);
            MUST(pb_photo_read(&photo, scratch_path(&here, "turned.tif").text,
                               &(pb_crop){.kind = PB_CROP_AREA, .area = crop}, 4, 4, error));
            MUST(pb_photo_tensor(&photo, 3, 4, 4, &seen, error));
            for (size_t k = 0; k < 48; k++)
                assert_true(fabs((double)seen.data[k] - (pixels[i] / 127.5 - 1)) < 1e-6);
            pb_tensor_clear(&seen);
            pb_photo_clear(&photo);
        }
    }
}

/* -- images of memory ------------------------------------------------------------------------- */

/* Images that no loader at hand returns, but others may: of one pixel, given to what comes after
 * the loader. */
static VipsImage *image_of(const void *bytes, int bands, VipsBandFormat format,
                           VipsInterpretation type)
{
    VipsImage *image, *typed = NULL;

    image = vips_image_new_from_memory_copy(bytes, (size_t)bands * vips_format_sizeof(format), 1, 1,
                                            bands, format);
    assert_non_null(image);
    assert_int_equal(vips_copy(image, &typed, "interpretation", type, NULL), 0);
    g_object_unref(image);
    return typed;
}

static void expect_pixel(VipsImage *in, double r, double g, double b)
{
    const double expected[3] = {r, g, b};
    VipsImage *out = NULL;
    unsigned char *rgb;
    size_t count;

    MUST(pb_srgb(in, "a", PB_ON_WHITE, &out, error));
    rgb = vips_image_write_to_memory(out, &count);
    assert_int_equal(count, 3);
    for (size_t c = 0; c < 3; c++)
        if (!(fabs(rgb[c] - 255 * expected[c]) <= 1))
            fail_msg("band %zu is %d, expected %g", c, rgb[c], 255 * expected[c]);
    g_free(rgb);
    g_object_unref(out);
    g_object_unref(in);
}

static void expect_no_pixel(VipsImage *in, const char *message)
{
    VipsImage *out = NULL;
    pb_error error = {0};

    assert_int_equal(pb_srgb(in, "a", PB_ON_WHITE, &out, &error), PB_UNSUPPORTED);
    assert_null(out);
    if (!strstr(error.message, message) || strncmp(error.message, "a: expected", 11))
        fail_msg("expected %s, found %s", message, error.message);
    g_object_unref(in);
}

static void test_names(void **state)
{
    const float xyz[3] = {95.047f * 0.2140f, 100 * 0.2140f, 108.883f * 0.2140f};
    const double lab[3] = {100, 0, 0};
    const float complex[2] = {0, 0};
    const unsigned char bytes[4] = {51, 102, 204, 128};
    const unsigned short words[3] = {51 * 257, 102 * 257, 204 * 257};

    (void)state;
    expect_pixel(image_of(xyz, 3, VIPS_FORMAT_FLOAT, VIPS_INTERPRETATION_XYZ), 0.5, 0.5, 0.5);
    expect_pixel(image_of(lab, 3, VIPS_FORMAT_DOUBLE, VIPS_INTERPRETATION_LAB), 1, 1, 1);
    expect_pixel(image_of(bytes, 3, VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_RGB), 0.2, 0.4, 0.8);
    expect_pixel(image_of(bytes, 4, VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_RGB),
                 1 - 0.8 * 128 / 255, 1 - 0.6 * 128 / 255, 1 - 0.2 * 128 / 255);
    expect_pixel(image_of(words, 3, VIPS_FORMAT_USHORT, VIPS_INTERPRETATION_sRGB), 0.2, 0.4, 0.8);
    expect_pixel(image_of(words, 1, VIPS_FORMAT_USHORT, VIPS_INTERPRETATION_B_W), 0.2, 0.2, 0.2);
    expect_no_pixel(image_of(bytes, 3, VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_MULTIBAND),
                    "found 3 bands of uchar as multiband");
    expect_no_pixel(image_of(bytes, 3, VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_HSV),
                    "found 3 bands of uchar as hsv");
    expect_no_pixel(image_of(bytes, 1, VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_sRGB),
                    "found 1 bands of uchar as srgb");
    expect_no_pixel(image_of(xyz, 3, VIPS_FORMAT_FLOAT, VIPS_INTERPRETATION_sRGB),
                    "found 3 bands of float as srgb");
    expect_no_pixel(image_of(complex, 1, VIPS_FORMAT_COMPLEX, VIPS_INTERPRETATION_FOURIER),
                    "found 1 bands of complex as fourier");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_integers), SCRATCH_TEST(test_no_range), SCRATCH_TEST(test_floats),
        SCRATCH_TEST(test_few_bits), SCRATCH_TEST(test_palettes), SCRATCH_TEST(test_png_palette),
        SCRATCH_TEST(test_bands),    SCRATCH_TEST(test_crops),    SCRATCH_TEST(test_names),
    };

    (void)argc;
    if (pb_picture_start(argv[0], 1, NULL) != PB_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
