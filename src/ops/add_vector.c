/* A vector added at every position.
 *
 *     forward   y    = x_0 + x_1            x_1 of shape (1, 1, C)
 *     jvp       dy   = dx_0 + dx_1
 *     vjp       dx_0 = dy,  dx_1 = sum over positions of dy
 */
#include "ops/ops.h"

#include <string.h>

#include "base/memory.h"
#include "ops/parallel.h"

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)params, (void)inputs;
    if (in[1].h != 1 || in[1].w != 1 || in[0].c != in[1].c)
        return pb_fail(error, PB_INVALID, "a vector of %zux%zux%zu added to %zux%zux%zu (h, w, c)",
                       in[1].h, in[1].w, in[1].c, in[0].h, in[0].w, in[0].c);
    *out = in[0];
    return PB_OK;
}

/* Forward and jvp alike; an input that is NULL counts as zero. */
static pb_status apply(const pb_call *call, pb_error *error)
{
    size_t c = call->out.c, rows = call->out.h * call->out.w;

    (void)error;
    if (!call->x[1]) {
        pb_axpby(call->n * rows * c, 1.0f, call->x[0], false, call->y);
        return PB_OK;
    }
#pragma omp parallel for collapse(2)
    for (size_t j = 0; j < call->n; j++)
        for (size_t r = 0; r < rows; r++) {
            const float *vector = call->x[1] + (call->shared[1] ? 0 : j * c);
            const float *x = call->x[0] ? call->x[0] + (j * rows + r) * c : NULL;
            float *y = call->y + (j * rows + r) * c;
            for (size_t i = 0; i < c; i++)
                y[i] = (x ? x[i] : 0.0f) + vector[i];
        }
    return PB_OK;
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    size_t c = call->out.c, rows = call->out.h * call->out.w;

    (void)error;
    if (call->dx[1]) {
#pragma omp parallel for
        for (size_t j = 0; j < call->n; j++) {
            float *dx = call->dx[1] + j * c;
            if (!call->add[1])
                memset(dx, 0, c * sizeof *dx);
            for (size_t r = 0; r < rows; r++)
                for (size_t i = 0; i < c; i++)
                    dx[i] += call->dy[(j * rows + r) * c + i];
        }
    }
    if (call->dx[0])
        pb_axpby(call->n * rows * c, 1.0f, call->dy, call->add[0], call->dx[0]);
    return PB_OK;
}

const pb_op pb_add_vector = {
    .name = "add_vector",
    .in_place = true,
    .shape = shape,
    .forward = apply,
    .jvp = apply,
    .vjp = vjp,
};
