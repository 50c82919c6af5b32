/* Layer normalisation (Ba et al. 2016) over the channels of each position.
 *
 * With mean m and variance s^2 of a position's C channels, x^ = (x - m) r, r = 1/sqrt(s^2 + eps):
 *
 *     forward   y  = gamma x^ + beta           saved: x^, and r of each position
 *     jvp       dy = gamma r (dx - mean(dx) - x^ mean(x^ dx))
 *     vjp       dx = r (g - mean(g) - x^ mean(x^ g)),   g = gamma dy
 */
#include "ops/ops.h"

#include <math.h>

#include "base/memory.h"
#include "base/vector.h"

typedef struct layer_norm {
    size_t channels;
    double eps;
    float *gamma, *beta;
} layer_norm;

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    const layer_norm *p = params;

    (void)inputs;
    if (in[0].c != p->channels)
        return pb_fail(error, PB_INVALID, "a norm over %zu channels, expected %zu", in[0].c,
                       p->channels);
    *out = in[0];
    return PB_OK;
}

static size_t rows_of(const pb_call *call)
{
    return call->out.h * call->out.w;
}

static size_t saved(const pb_call *call)
{
    return pb_shape_size(call->out) + rows_of(call);
}

/* normal: x^ of the row, or NULL; returns r. */
PB_VECTOR static float forward_row(const layer_norm *p, const float *x, float *normal, float *y)
{
    size_t c = p->channels;
    double mean = 0, squares = 0, r;

    for (size_t i = 0; i < c; i++)
        mean += (double)x[i];
    mean /= (double)c;
    for (size_t i = 0; i < c; i++)
        squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    r = 1 / sqrt(squares / (double)c + p->eps);
    for (size_t i = 0; i < c; i++) {
        float value = (float)(((double)x[i] - mean) * r);
        if (normal)
            normal[i] = value;
        y[i] = p->gamma[i] * value + p->beta[i];
    }
    return (float)r;
}

static pb_status forward(const pb_call *call, pb_error *error)
{
    const layer_norm *p = call->params;
    size_t rows = call->n * rows_of(call), c = p->channels;
    float *normal = call->saved, *scales = normal ? normal + rows * c : NULL;

    (void)error;
#pragma omp parallel for
    for (size_t i = 0; i < rows; i++) {
        float r =
            forward_row(p, call->x[0] + i * c, normal ? normal + i * c : NULL, call->y + i * c);
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
    const layer_norm *p = call->params;
    size_t rows = rows_of(call), c = p->channels;

    (void)error;
#pragma omp parallel for
    for (size_t i = 0; i < call->n * rows; i++)
        linear_row(c, NULL, p->gamma, call->saved[rows * c + i % rows], call->saved + i % rows * c,
                   call->x[0] + i * c, false, call->y + i * c);
    return PB_OK;
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    const layer_norm *p = call->params;
    size_t rows = rows_of(call), c = p->channels;

    (void)error;
#pragma omp parallel for
    for (size_t i = 0; i < call->n * rows; i++)
        linear_row(c, p->gamma, NULL, call->saved[rows * c + i % rows], call->saved + i % rows * c,
                   call->dy + i * c, call->add[0], call->dx[0] + i * c);
    return PB_OK;
}

static void free_params(void *params)
{
    layer_norm *p = params;

    pb_free(p->gamma);
    pb_free(p->beta);
    pb_free(p);
}

const pb_op pb_layer_norm = {
    .name = "layer_norm",
    .in_place = true,
    .shape = shape,
    .saved = saved,
    .forward = forward,
    .jvp = jvp,
    .vjp = vjp,
    .free = free_params,
};

pb_status pb_layer_norm_new(void **params, size_t channels, double eps, const pb_stored *gamma,
                            const pb_stored *beta, pb_error *error)
{
    layer_norm *p = pb_calloc(1, sizeof *p);
    pb_status status;

    if (!p)
        return pb_fail_memory(error, sizeof *p, "layer norm");
    *p = (layer_norm){channels, eps, NULL, NULL};
    status = pb_stored_load(&p->gamma, gamma, error);
    if (status == PB_OK)
        status = pb_stored_load(&p->beta, beta, error);
    if (status == PB_OK)
        *params = p;
    else
        free_params(p);
    return status;
}
