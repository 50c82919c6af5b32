/* A vector added at every position.
 *
 *     forward   y    = x_0 + x_1            x_1 of shape (1, 1, C)
 *     jvp       dy   = dx_0 + dx_1
 *     vjp       dx_0 = dy,  dx_1 = sum over positions of dy
 */
#include "backends/cpu/kernels.h"

#include <string.h>

#include "backends/cpu/parallel.h"
#include "base/memory.h"

/* Forward and jvp alike; an input that is NULL counts as zero. */
static pb_status apply(const pb_call *call, pb_error *error)
{
    size_t c = call->out.c, rows = call->out.h * call->out.w;
    const float *first = call->x[0], *vectors = call->x[1];
    float *out = call->y;

    (void)error;
    if (!vectors) {
        pb_axpby(call->n * rows * c, 1.0f, first, false, out);
        return PB_OK;
    }
#pragma omp parallel for collapse(2)
    for (size_t j = 0; j < call->n; j++)
        for (size_t r = 0; r < rows; r++) {
            const float *vector = vectors + (call->shared[1] ? 0 : j * c);
            const float *x = first ? first + (j * rows + r) * c : NULL;
            float *y = out + (j * rows + r) * c;
            for (size_t i = 0; i < c; i++)
                y[i] = (x ? x[i] : 0.0f) + vector[i];
        }
    return PB_OK;
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    size_t c = call->out.c, rows = call->out.h * call->out.w;
    const float *dy = call->dy;

    (void)error;
    if (call->dx[1]) {
#pragma omp parallel for
        for (size_t j = 0; j < call->n; j++) {
            float *dx = (float *)call->dx[1] + j * c;
            if (!call->add[1])
                memset(dx, 0, c * sizeof *dx);
            for (size_t r = 0; r < rows; r++)
                for (size_t i = 0; i < c; i++)
                    dx[i] += dy[(j * rows + r) * c + i];
        }
    }
    if (call->dx[0])
        pb_axpby(call->n * rows * c, 1.0f, dy, call->add[0], call->dx[0]);
    return PB_OK;
}

const pb_kernel pb_cpu_add_vector = {
    .in_place = true,
    .forward = apply,
    .jvp = apply,
    .vjp = vjp,
};
