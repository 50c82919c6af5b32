#include "picture/resize.h"

#include <math.h>
#include <string.h>
#include <vips/vips.h>

#include "base/memory.h"
#include "picture/pixels.h"

/* -- shorter: libvips ------------------------------------------------------------------------- */

/* libvips has reductions in place to within a few hundredths of a pixel, but its enlargements half
 * a pixel too far right and down (libvips#705, #4841): it is never asked for one. */
static pb_status reduce(size_t width, size_t height, const float *in, size_t out_width,
                        size_t out_height, float *out, pb_error *error)
{
    VipsImage *image, *resized = NULL;
    pb_status status = PB_OK;
    void *memory = NULL;
    size_t bytes = 0;

    image = vips_image_new_from_memory(in, width * height * sizeof *in, (int)width, (int)height, 1,
                                       VIPS_FORMAT_FLOAT);
    if (!image || vips_resize(image, &resized, (double)out_width / (double)width, "vscale",
                              (double)out_height / (double)height, NULL))
        status = pb_fail_vips(error, PB_MEMORY, "resizing a picture");
    else if ((size_t)resized->Xsize != out_width || (size_t)resized->Ysize != out_height)
        status = pb_fail(error, PB_INTERNAL, "resizing to %zux%zu gave %dx%d", out_width,
                         out_height, resized->Xsize, resized->Ysize);
    else if (!(memory = vips_image_write_to_memory(resized, &bytes)))
        status = pb_fail_vips(error, PB_MEMORY, "resizing a picture");
    else
        memcpy(out, memory, bytes);
    g_free(memory);
    if (resized)
        g_object_unref(resized);
    if (image)
        g_object_unref(image);
    return status;
}

/* -- longer: cubic interpolation -------------------------------------------------------------- */

#define TAPS 4

/* What a sample of the longer side is made of. */
typedef struct taps {
    size_t at[TAPS];
    double weight[TAPS];
} taps;

/* Sample i of `out` in a side of n: its place among the n is (i + 1/2) n / out - 1/2. */
static taps taps_of(size_t i, size_t out, size_t n)
{
    double place = ((double)i + 0.5) * (double)n / (double)out - 0.5, first = floor(place);
    double t = place - first;
    taps found = {.weight = {((2 - t) * t - 1) * t / 2, ((3 * t - 5) * t * t + 2) / 2,
                             ((4 - 3 * t) * t + 1) * t / 2, (t - 1) * t * t / 2}};

    for (int k = 0; k < TAPS; k++)
        found.at[k] = (size_t)fmin(fmax(first - 1 + k, 0), (double)(n - 1));
    return found;
}

/* Rows of `width` become rows of `out_width`. */
static void widen(size_t width, size_t height, const float *in, size_t out_width, float *out)
{
    for (size_t x = 0; x < out_width; x++) {
        const taps of = taps_of(x, out_width, width);
        for (size_t y = 0; y < height; y++) {
            const float *row = in + y * width;
            double sum = 0;
            for (int k = 0; k < TAPS; k++)
                sum += of.weight[k] * (double)row[of.at[k]];
            out[y * out_width + x] = (float)sum;
        }
    }
}

/* `height` rows become `out_height` rows. */
static void heighten(size_t width, size_t height, const float *in, size_t out_height, float *out)
{
    for (size_t y = 0; y < out_height; y++) {
        const taps of = taps_of(y, out_height, height);
        const float *a = in + of.at[0] * width, *b = in + of.at[1] * width;
        const float *c = in + of.at[2] * width, *d = in + of.at[3] * width;
        const double *w = of.weight;
        for (size_t x = 0; x < width; x++)
            out[y * width + x] = (float)(w[0] * (double)a[x] + w[1] * (double)b[x] +
                                         w[2] * (double)c[x] + w[3] * (double)d[x]);
    }
}

/* -- both ------------------------------------------------------------------------------------- */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* small: out_width x out_height floats of scratch. */
static pb_status resize_plane(size_t width, size_t height, const float *in, size_t out_width,
                              size_t out_height, float *small, float *out, pb_error *error)
{
    size_t w = smaller(width, out_width), h = smaller(height, out_height);

    if (w == out_width && h == out_height)
        return reduce(width, height, in, w, h, out, error);
    if (w < width || h < height) {
        PB_TRY(reduce(width, height, in, w, h, small, error));
        in = small;
    }
    if (h == out_height)
        widen(w, h, in, out_width, out);
    else if (w == out_width)
        heighten(w, h, in, out_height, out);
    else {
        widen(w, h, in, out_width, small);
        heighten(out_width, h, small, out_height, out);
    }
    return PB_OK;
}

pb_status pb_resize(size_t bands, size_t width, size_t height, const float *in, size_t out_width,
                    size_t out_height, float *out, pb_error *error)
{
    float *small = pb_malloc(out_width * out_height, sizeof *small);
    pb_status status = PB_OK;

    if (!small)
        return pb_fail_memory(error, out_width * out_height * sizeof *small, "resizing a picture");
    for (size_t i = 0; status == PB_OK && i < bands; i++)
        status = resize_plane(width, height, in + i * width * height, out_width, out_height, small,
                              out + i * out_width * out_height, error);
    pb_free(small);
    return status;
}
