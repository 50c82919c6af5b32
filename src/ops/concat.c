/* The channels of one value after those of another.
 *
 *     forward   y  = (x_0, x_1)
 *     jvp       dy = (dx_0, dx_1)
 *     vjp       (dx_0, dx_1) = dy
 */
#include "ops/ops.h"

#include <string.h>

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)params, (void)inputs;
    if (in[0].h != in[1].h || in[0].w != in[1].w)
        return pb_fail(error, PB_INVALID, "channels of %zux%zu and of %zux%zu put together",
                       in[0].h, in[0].w, in[1].h, in[1].w);
    *out = (pb_shape){in[0].h, in[0].w, in[0].c + in[1].c};
    return PB_OK;
}

/* Forward and jvp alike; an input that is NULL counts as zero. */
static pb_status apply(const pb_call *call, pb_error *error)
{
    size_t each = call->out.h * call->out.w, rows = call->n * each;

    (void)error;
#pragma omp parallel for
    for (size_t r = 0; r < rows; r++) {
        float *y = call->y + r * call->out.c;
        for (size_t i = 0; i < 2; i++) {
            size_t c = call->in[i].c;
            if (call->x[i])
                memcpy(y, call->x[i] + (call->shared[i] ? r % each : r) * c, c * sizeof *y);
            else
                memset(y, 0, c * sizeof *y);
            y += c;
        }
    }
    return PB_OK;
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    size_t rows = call->n * call->out.h * call->out.w;

    (void)error;
#pragma omp parallel for
    for (size_t r = 0; r < rows; r++) {
        const float *dy = call->dy + r * call->out.c;
        for (size_t i = 0; i < 2; i++) {
            size_t c = call->in[i].c;
            float *dx = call->dx[i] ? call->dx[i] + r * c : NULL;
            if (dx && call->add[i])
                for (size_t k = 0; k < c; k++)
                    dx[k] += dy[k];
            else if (dx)
                memcpy(dx, dy, c * sizeof *dx);
            dy += c;
        }
    }
    return PB_OK;
}

const pb_op pb_concat = {
    .name = "concat",
    .shape = shape,
    .forward = apply,
    .jvp = apply,
    .vjp = vjp,
};
