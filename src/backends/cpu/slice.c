/* The first channels of a value.
 *
 *     forward   y  = first channels of x
 *     jvp       dy = first channels of dx
 *     vjp       dx = (dy, 0)
 */
#include "backends/cpu/kernels.h"

#include <string.h>

#include "base/memory.h"

static pb_status apply(const pb_call *call, pb_error *error)
{
    size_t rows = call->n * call->out.h * call->out.w;
    const float *x = call->x[0];
    float *y = call->y;

    (void)error;
#pragma omp parallel for
    for (size_t r = 0; r < rows; r++)
        memcpy(y + r * call->out.c, x + r * call->in[0].c, call->out.c * sizeof *y);
    return PB_OK;
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    size_t rows = call->n * call->out.h * call->out.w, c = call->in[0].c;
    const float *dy = call->dy;

    (void)error;
#pragma omp parallel for
    for (size_t r = 0; r < rows; r++) {
        float *dx = (float *)call->dx[0] + r * c;
        if (!call->add[0])
            memset(dx, 0, c * sizeof *dx);
        for (size_t i = 0; i < call->out.c; i++)
            dx[i] += dy[r * call->out.c + i];
    }
    return PB_OK;
}

const pb_kernel pb_cpu_slice = {
    .forward = apply,
    .jvp = apply,
    .vjp = vjp,
};
