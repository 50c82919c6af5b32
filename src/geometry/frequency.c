/* Frequency content: a discrete Fourier transform by two products with its matrices, since images
 * are small and products fast. */
#include <pullback/transport.h>

#include <cblas.h>
#include <math.h>

#include "base/memory.h"
#include "base/shape.h"

#define LARGEST 16384 /* height or width */

/* cos and sin of 2 pi j k / n, n x n each. */
static void fourier_matrix(size_t n, double *real, double *imaginary)
{
    for (size_t j = 0; j < n; j++)
        for (size_t k = 0; k < n; k++) {
            double angle = 2 * M_PI * (double)(j * k % n) / (double)n;
            real[j * n + k] = cos(angle);
            imaginary[j * n + k] = -sin(angle);
        }
}

typedef struct transform {
    size_t h, w;
    double *row_re, *row_im;       /* w x w */
    double *column_re, *column_im; /* h x h */
    double *in, *re, *im;          /* h x w */
    double *full_re, *full_im;
} transform;

static void product(size_t m, size_t n, size_t k, double alpha, const double *a, const double *b,
                    double beta, double *c)
{
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)n, (int)k, alpha, a, (int)k,
                b, (int)n, beta, c, (int)n);
}

static void run(transform *t)
{
    size_t h = t->h, w = t->w;

    product(h, w, w, 1, t->in, t->row_re, 0, t->re);
    product(h, w, w, 1, t->in, t->row_im, 0, t->im);
    product(h, w, h, 1, t->column_re, t->re, 0, t->full_re);
    product(h, w, h, -1, t->column_im, t->im, 1, t->full_re);
    product(h, w, h, 1, t->column_re, t->im, 0, t->full_im);
    product(h, w, h, 1, t->column_im, t->re, 1, t->full_im);
}

/* The frequency of entry k of n, in cycles per pixel: -1/2 … 1/2. */
static double frequency(size_t k, size_t n)
{
    return (double)(k <= n / 2 ? k : n - k) / (double)n;
}

pb_status pb_radial_power(size_t c, size_t h, size_t w, const float *image, double weight,
                          size_t bands, double *power, pb_error *error)
{
    size_t size = h * w, square = h * h + w * w;
    double *room, total = 0;
    transform t = {.h = h, .w = w};

    PB_NEED(image, "an image");
    PB_NEED(power, "room for the power");
    if (!isfinite(weight))
        return pb_fail(error, PB_INVALID, "a power of weight %g", weight);
    if (c == 0 || size == 0 || bands == 0 || h > LARGEST || w > LARGEST)
        return pb_fail(error, PB_INVALID, "the power of %zu x %zu x %zu in %zu bands", c, h, w,
                       bands);
    PB_TRY(pb_count_check(c, h, w, "an image", error));
    PB_TRY(pb_count_check(bands, 1, 1, "bands", error));
    room = pb_malloc(2 * square + 5 * size + bands, sizeof *room);
    if (!room)
        return pb_fail_memory(error, (2 * square + 5 * size) * sizeof *room, "a transform");
    t.row_re = room;
    t.row_im = t.row_re + w * w;
    t.column_re = t.row_im + w * w;
    t.column_im = t.column_re + h * h;
    t.in = t.column_im + h * h;
    t.re = t.in + size;
    t.im = t.re + size;
    t.full_re = t.im + size;
    t.full_im = t.full_re + size;
    double *own = t.full_im + size;
    for (size_t b = 0; b < bands; b++)
        own[b] = 0;
    fourier_matrix(w, t.row_re, t.row_im);
    fourier_matrix(h, t.column_re, t.column_im);
    for (size_t channel = 0; channel < c; channel++) {
        for (size_t i = 0; i < size; i++)
            t.in[i] = (double)image[channel * size + i];
        run(&t);
        for (size_t i = 0; i < size; i++) {
            double f = hypot(frequency(i / w, h), frequency(i % w, w));
            size_t band = (size_t)(f * 2 * (double)bands);
            double p = t.full_re[i] * t.full_re[i] + t.full_im[i] * t.full_im[i];
            own[band < bands ? band : bands - 1] += p;
            total += p;
        }
    }
    for (size_t b = 0; total > 0 && b < bands; b++)
        power[b] += weight * own[b] / total;
    pb_free(room);
    return PB_OK;
}
