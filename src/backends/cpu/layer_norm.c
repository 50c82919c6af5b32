/* Layer normalisation (Ba et al. 2016) over the channels of each position.
 *
 * With mean m and variance s^2 of a position's C channels, x^ = (x - m) r, r = 1/sqrt(s^2 + eps):
 *
 *     forward   y  = gamma x^ + beta           saved: x^, and r of each position
 *     jvp       dy = gamma r (dx - mean(dx) - x^ mean(x^ dx))
 *     vjp       dx = r (g - mean(g) - x^ mean(x^ g)),   g = gamma dy
 */
#include "backends/cpu/kernels.h"
#include "backends/cpu/norm.h"

#include <math.h>

#include "base/memory.h"
#include "base/vector.h"

static size_t rows_of(const pb_call *call)
{
    return call->out.h * call->out.w;
}

static pb_status prepare(pb_call *call, pb_pass pass, pb_error *error)
{
    const pb_layer_norm_params *p = call->params;

    (void)pass;
    return pb_cpu_norm_prepare(call, p->gamma, p->beta, error);
}

static size_t saved(const pb_call *call)
{
    return pb_shape_size(call->out) + rows_of(call);
}

/* normal: x^ of the row, or NULL; returns r. */
PB_VECTOR static float forward_row(size_t c, double eps, const pb_cpu_norm *norm, const float *x,
                                   float *normal, float *y)
{
    double mean = 0, squares = 0, r;

    for (size_t i = 0; i < c; i++)
        mean += (double)x[i];
    mean /= (double)c;
    for (size_t i = 0; i < c; i++)
        squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    r = 1 / sqrt(squares / (double)c + eps);
    for (size_t i = 0; i < c; i++) {
        float value = (float)(((double)x[i] - mean) * r);
        if (normal)
            normal[i] = value;
        y[i] = norm->gamma[i] * value + norm->beta[i];
    }
    return (float)r;
}

static pb_status forward(const pb_call *call, pb_error *error)
{
    const pb_layer_norm_params *p = call->params;
    size_t rows = call->n * rows_of(call), c = p->channels;
    float *normal = call->saved, *scales = normal ? normal + rows * c : NULL;
    const float *x = call->x[0];
    float *y = call->y;

    (void)error;
#pragma omp parallel for
    for (size_t i = 0; i < rows; i++) {
        float r = forward_row(c, p->eps, call->kernel, x + i * c, normal ? normal + i * c : NULL,
                              y + i * c);
        if (scales)
            scales[i] = r;
    }
    return PB_OK;
}

/* out = (out where `add`) + after r (w - mean(w) - x^ mean(x^ w)),  w = before v */
PB_VECTOR static void linear_row(size_t c, const float *restrict before,
                                 const float *restrict after, float r, const float *restrict normal,
                                 const float *v, bool add, float *out)
{
    double sum = 0, product = 0;
    float mean, slope;

    for (size_t i = 0; i < c; i++) {
        double w = (double)v[i] * (before ? (double)before[i] : 1.0);
        sum += w;
        product += (double)normal[i] * w;
    }
    mean = (float)(sum / (double)c);
    slope = (float)(product / (double)c);
    for (size_t i = 0; i < c; i++) {
        float w = before ? v[i] * before[i] : v[i];
        float value = r * (w - mean - normal[i] * slope);
        out[i] = (add ? out[i] : 0.0f) + (after ? value * after[i] : value);
    }
}

static pb_status jvp(const pb_call *call, pb_error *error)
{
    const float *gamma = ((const pb_cpu_norm *)call->kernel)->gamma;
    const float *dx = call->x[0], *normal = call->saved;
    float *dy = call->y;
    size_t rows = rows_of(call), c = call->out.c;

    (void)error;
#pragma omp parallel for
    for (size_t i = 0; i < call->n * rows; i++)
        linear_row(c, NULL, gamma, normal[rows * c + i % rows], normal + i % rows * c, dx + i * c,
                   false, dy + i * c);
    return PB_OK;
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    const float *gamma = ((const pb_cpu_norm *)call->kernel)->gamma;
    const float *dy = call->dy, *normal = call->saved;
    float *dx = call->dx[0];
    size_t rows = rows_of(call), c = call->out.c;

    (void)error;
#pragma omp parallel for
    for (size_t i = 0; i < call->n * rows; i++)
        linear_row(c, gamma, NULL, normal[rows * c + i % rows], normal + i % rows * c, dy + i * c,
                   call->add[0], dx + i * c);
    return PB_OK;
}

const pb_kernel pb_cpu_layer_norm = {
    .in_place = true,
    .saved = saved,
    .prepare = prepare,
    .release = pb_free,
    .forward = forward,
    .jvp = jvp,
    .vjp = vjp,
};
