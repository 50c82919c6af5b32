/* Nearest-neighbour enlargement to twice the height and width.
 *
 *     forward   y[a, b]  = x[a/2, b/2]
 *     jvp       the same of dx
 *     vjp       dx[p, q] = dy[2p, 2q] + dy[2p, 2q+1] + dy[2p+1, 2q] + dy[2p+1, 2q+1]
 */
#include "ops/ops.h"

#include <string.h>

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)params, (void)inputs, (void)error;
    *out = (pb_shape){2 * in[0].h, 2 * in[0].w, in[0].c};
    return PB_OK;
}

static pb_status apply(const pb_call *call, pb_error *error)
{
    const pb_shape in = call->in[0], out = call->out;
    size_t c = in.c;

    (void)error;
#pragma omp parallel for collapse(2)
    for (size_t j = 0; j < call->n; j++)
        for (size_t a = 0; a < out.h; a++)
            for (size_t b = 0; b < out.w; b++)
                memcpy(call->y + ((j * out.h + a) * out.w + b) * c,
                       call->x[0] + ((j * in.h + a / 2) * in.w + b / 2) * c, c * sizeof(float));
    return PB_OK;
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    const pb_shape in = call->in[0];
    size_t c = in.c, down = 2 * in.w * c;

    (void)error;
#pragma omp parallel for collapse(2)
    for (size_t j = 0; j < call->n; j++)
        for (size_t p = 0; p < in.h; p++)
            for (size_t q = 0; q < in.w; q++) {
                const float *dy = call->dy + ((j * in.h + p) * 2 * 2 * in.w + 2 * q) * c;
                float *dx = call->dx[0] + ((j * in.h + p) * in.w + q) * c;
                for (size_t i = 0; i < c; i++)
                    dx[i] = (call->add[0] ? dx[i] : 0.0f) +
                            ((dy[i] + dy[c + i]) + (dy[down + i] + dy[down + c + i]));
            }
    return PB_OK;
}

const pb_op pb_upsample = {
    .name = "upsample",
    .shape = shape,
    .forward = apply,
    .jvp = apply,
    .vjp = vjp,
};
