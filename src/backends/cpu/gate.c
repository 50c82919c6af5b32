/* A gated linear unit's gate (GEGLU; Shazeer 2020): the input's channels are (a, b).
 *
 *     forward   y  = a gelu(b)                 saved: G = gelu(b), S = a gelu'(b)
 *     jvp       dy = G da + S db
 *     vjp       da = G dy,  db = S dy
 */
#include "backends/cpu/kernels.h"

#include <string.h>

#include "base/vector.h"

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
    const float *in = call->x[0];
    float *out = call->y, *saved = call->saved;

    (void)error;
#pragma omp parallel for
    for (size_t i = 0; i < rows; i++) {
        const float *x = in + i * 2 * c;
        float *y = out + i * c;
        float *slope = saved ? saved + (rows + i) * c : NULL;
        memcpy(y, x + c, c * sizeof *y);
        pb_activation_apply(PB_ACT_GELU, c, y, slope);
        if (saved)
            memcpy(saved + i * c, y, c * sizeof *y);
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
    const float *dx = call->x[0], *g = call->saved;
    float *dy = call->y;

    (void)error;
#pragma omp parallel for
    for (size_t i = 0; i < call->n * rows; i++)
        jvp_row(c, g + i % rows * c, g + (rows + i % rows) * c, dx + i * 2 * c, dy + i * c);
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
    const float *dy = call->dy, *g = call->saved;
    float *dx = call->dx[0];

    (void)error;
#pragma omp parallel for
    for (size_t i = 0; i < call->n * rows; i++)
        vjp_row(c, g + i % rows * c, g + (rows + i % rows) * c, dy + i * c, call->add[0],
                dx + i * 2 * c);
    return PB_OK;
}

const pb_kernel pb_cpu_gate = {
    .saved = saved,
    .forward = forward,
    .jvp = jvp,
    .vjp = vjp,
};
