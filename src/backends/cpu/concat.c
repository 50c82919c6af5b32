/* The channels of one value after those of another.
 *
 *     forward   y  = (x_0, x_1)
 *     jvp       dy = (dx_0, dx_1)
 *     vjp       (dx_0, dx_1) = dy
 */
#include "backends/cpu/kernels.h"

#include <string.h>

/* Forward and jvp alike; an input that is NULL counts as zero. */
static pb_status apply(const pb_call *call, pb_error *error)
{
    size_t each = call->out.h * call->out.w, rows = call->n * each;

    (void)error;
#pragma omp parallel for
    for (size_t r = 0; r < rows; r++) {
        float *y = (float *)call->y + r * call->out.c;
        for (size_t i = 0; i < 2; i++) {
            size_t c = call->in[i].c;
            if (call->x[i])
                memcpy(y, (const float *)call->x[i] + (call->shared[i] ? r % each : r) * c,
                       c * sizeof *y);
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
        const float *dy = (const float *)call->dy + r * call->out.c;
        for (size_t i = 0; i < 2; i++) {
            size_t c = call->in[i].c;
            float *dx = call->dx[i] ? (float *)call->dx[i] + r * c : NULL;
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

const pb_kernel pb_cpu_concat = {
    .forward = apply,
    .jvp = apply,
    .vjp = vjp,
};
