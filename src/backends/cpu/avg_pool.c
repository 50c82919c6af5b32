/* Means of 2 x 2 positions.
 *
 *     forward   y[p, q]  = (x[2p, 2q] + x[2p, 2q+1] + x[2p+1, 2q] + x[2p+1, 2q+1]) / 4
 *     jvp       the same of dx
 *     vjp       dx[a, b] = dy[a/2, b/2] / 4; 0 in a dropped last row or column
 */
#include "backends/cpu/kernels.h"

static pb_status apply(const pb_call *call, pb_error *error)
{
    const pb_shape in = call->in[0], out = call->out;
    size_t c = in.c, down = in.w * c;

    (void)error;
#pragma omp parallel for collapse(2)
    for (size_t j = 0; j < call->n; j++)
        for (size_t p = 0; p < out.h; p++)
            for (size_t q = 0; q < out.w; q++) {
                const float *x =
                    (const float *)call->x[0] + ((j * in.h + 2 * p) * in.w + 2 * q) * c;
                float *y = (float *)call->y + ((j * out.h + p) * out.w + q) * c;
                for (size_t i = 0; i < c; i++)
                    y[i] = 0.25f * ((x[i] + x[c + i]) + (x[down + i] + x[down + c + i]));
            }
    return PB_OK;
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    const pb_shape in = call->in[0], out = call->out;
    size_t c = in.c;

    (void)error;
#pragma omp parallel for collapse(2)
    for (size_t j = 0; j < call->n; j++)
        for (size_t a = 0; a < in.h; a++)
            for (size_t b = 0; b < in.w; b++) {
                float *dx = (float *)call->dx[0] + ((j * in.h + a) * in.w + b) * c;
                bool dropped = a / 2 >= out.h || b / 2 >= out.w;
                const float *dy =
                    dropped ? NULL
                            : (const float *)call->dy + ((j * out.h + a / 2) * out.w + b / 2) * c;
                for (size_t i = 0; i < c; i++)
                    dx[i] = (call->add[0] ? dx[i] : 0.0f) + (dy ? 0.25f * dy[i] : 0.0f);
            }
    return PB_OK;
}

const pb_kernel pb_cpu_avg_pool = {
    .forward = apply,
    .jvp = apply,
    .vjp = vjp,
};
