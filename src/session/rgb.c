/* Pictures as rows of 8-bit red, green and blue. */
#include <math.h>

#include "base/luma.h"
#include "base/memory.h"
#include "base/shape.h"
#include "session/session.h"

/* What a position of the smaller side covers of the longer one: pixels from `first` on, the first
 * and the last of them in part. */
typedef struct span {
    size_t first, last;
    double begin, end;
} span;

/* Position i of n, laid over `length` pixels from `from` on, of the `size` that there are: what
 * rounding adds at either end is cut off. */
static span span_of(size_t i, size_t n, double from, double length, size_t size)
{
    span s = {.begin = fmax(from + (double)i * length / (double)n, 0),
              .end = fmin(from + (double)(i + 1) * length / (double)n, (double)size)};

    s.first = (size_t)fmin(floor(s.begin), (double)size - 1);
    s.last = (size_t)fmax(ceil(s.end) - 1, (double)s.first);
    return s;
}

static double share(const span *s, size_t at)
{
    return fmin(s->end, (double)at + 1) - fmax(s->begin, (double)at);
}

/* The mean of each colour over a rectangle, in [-1, 1]; of one pixel what the program makes of it. */
static void mean_of(const unsigned char *rgb, size_t width, const span *down, const span *across,
                    float mean[3])
{
    double sum[3] = {0, 0, 0}, all = 0;

    for (size_t y = down->first; y <= down->last; y++)
        for (size_t x = across->first; x <= across->last; x++) {
            double weight = share(down, y) * share(across, x);
            for (size_t c = 0; c < 3; c++)
                sum[c] += weight * (double)rgb[(y * width + x) * 3 + c];
            all += weight;
        }
    for (size_t c = 0; c < 3; c++)
        mean[c] = (float)(sum[c] / all) / 127.5f - 1.0f;
}

pb_status pb_picture_of_rgb(pb_session *s, const unsigned char *rgb, size_t height, size_t width,
                            pb_tensor *picture, pb_error *error)
{
    size_t factor, channels, h, w, side;
    double scale, top, left;
    float mean[3];

    PB_NEED(rgb, "rows of pixels");
    PB_TRY(pb_session_place(picture, "the picture", error));
    PB_TRY(pb_count_check(height, width, 3, "pixels", error));
    if (!height || !width)
        return pb_fail(error, PB_INVALID, "a picture of %zux%zu pixels", height, width);
    PB_TRY(pb_session_pixels(s, &factor, &channels, error));
    if (channels != 1 && channels != 3)
        return pb_fail(error, PB_UNSUPPORTED,
                       "colours for a network of %zu channels: expected 1 or 3", channels);
    h = s->info->sample_height * factor;
    w = s->info->sample_width * factor;
    side = h * w;
    PB_TRY(pb_tensor_new(picture, 4, (size_t[4]){1, channels, h, w}, error));
    scale = fmin((double)height / (double)h, (double)width / (double)w);
    top = ((double)height - scale * (double)h) / 2;
    left = ((double)width - scale * (double)w) / 2;
    for (size_t i = 0; i < side; i++) {
        const span down = span_of(i / w, h, top, scale * (double)h, height);
        const span across = span_of(i % w, w, left, scale * (double)w, width);
        mean_of(rgb, width, &down, &across, mean);
        if (channels == 1)
            mean[0] = pb_luma(mean[0], mean[1], mean[2]);
        for (size_t c = 0; c < channels; c++)
            picture->data[c * side + i] = mean[c];
    }
    return PB_OK;
}

pb_status pb_rgb_of_picture(const float *picture, size_t channels, size_t height, size_t width,
                            unsigned char *rgb, pb_error *error)
{
    size_t side = height * width;

    PB_NEED(picture, "a picture");
    PB_NEED(rgb, "room for pixels");
    PB_TRY(pb_count_check(height, width, 3, "a picture", error));
    if (channels != 1 && channels != 3)
        return pb_fail(error, PB_UNSUPPORTED, "a picture of %zu channels: expected 1 or 3",
                       channels);
    for (size_t i = 0; i < side; i++)
        for (size_t c = 0; c < 3; c++) {
            double value = (double)picture[(channels == 3 ? c : 0) * side + i];
            rgb[3 * i + c] = (unsigned char)lround(fmin(fmax((value + 1) * 127.5, 0), 255));
        }
    return PB_OK;
}
