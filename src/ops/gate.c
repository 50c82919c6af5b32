/* A gated linear unit's gate (GEGLU; Shazeer 2020): the input's channels are (a, b).
 *
 *     forward   y  = a gelu(b)                 saved: G = gelu(b), S = a gelu'(b)
 *     jvp       dy = G da + S db
 *     vjp       da = G dy,  db = S dy
 */
#include "ops/ops.h"

#include <string.h>

#include "base/vector.h"

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)params, (void)inputs;
    if (in[0].c % 2)
        return pb_fail(error, PB_INVALID, "a gate over an odd number of channels: %zu", in[0].c);
    *out = (pb_shape){in[0].h, in[0].w, in[0].c / 2};
    return PB_OK;
}

static size_t saved(const pb_call *call)
{
    return 2 * pb_shape_size(call->out);
}

/* y <- y a, and where it is kept slope <- slope a */
PB_VECTOR static void multiply(size_t c, const float *restrict a, float *restrict y,
                               float *restrict slope)
{
    for (size_t i = 0; i < c; i++)
        y[i] *= a[i];
    for (size_t i = 0; slope && i < c; i++)
        slope[i] *= a[i];
}

static pb_status forward(const pb_call *call, pb_error *error)
{
    size_t c = call->out.c, rows = call->n * call->out.h * call->out.w;

    (void)error;
#pragma omp parallel for
    for (size_t i = 0; i < rows; i++) {
        const float *x = call->x[0] + i * 2 * c;
        float *y = call->y + i * c;
        float *slope = call->saved ? call->saved + (rows + i) * c : NULL;
        memcpy(y, x + c, c * sizeof *y);
        pb_activation_apply(PB_ACT_GELU, c, y, slope);
        if (call->saved)
            memcpy(call->saved + i * c, y, c * sizeof *y);
        multiply(c, x, y, slope);
    }
    return PB_OK;
}

PB_VECTOR static void jvp_row(size_t c, const float *restrict g, const float *restrict s,
                              const float *restrict dx, float *restrict dy)
{
    for (size_t i = 0; i < c; i++)
        dy[i] = g[i] * dx[i] + s[i] * dx[c + i];
}

static pb_status jvp(const pb_call *call, pb_error *error)
{
    size_t c = call->out.c, rows = call->out.h * call->out.w;

    (void)error;
#pragma omp parallel for
    for (size_t i = 0; i < call->n * rows; i++)
        jvp_row(c, call->saved + i % rows * c, call->saved + (rows + i % rows) * c,
                call->x[0] + i * 2 * c, call->y + i * c);
    return PB_OK;
}

PB_VECTOR static void vjp_row(size_t c, const float *restrict g, const float *restrict s,
                              const float *restrict dy, bool add, float *restrict dx)
{
    for (size_t i = 0; i < c; i++) {
        dx[i] = (add ? dx[i] : 0.0f) + g[i] * dy[i];
        dx[c + i] = (add ? dx[c + i] : 0.0f) + s[i] * dy[i];
    }
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    size_t c = call->out.c, rows = call->out.h * call->out.w;

    (void)error;
#pragma omp parallel for
    for (size_t i = 0; i < call->n * rows; i++)
        vjp_row(c, call->saved + i % rows * c, call->saved + (rows + i % rows) * c,
                call->dy + i * c, call->add[0], call->dx[0] + i * 2 * c);
    return PB_OK;
}

const pb_op pb_gate = {
    .name = "gate",
    .shape = shape,
    .saved = saved,
    .forward = forward,
    .jvp = jvp,
    .vjp = vjp,
};
