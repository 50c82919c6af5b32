/* A scale and a shift, the same for all entries.
 *
 *     forward   y  = s x + t
 *     jvp       dy = s dx
 *     vjp       dx = s dy
 */
#include "backends/cpu/kernels.h"

#include "backends/cpu/parallel.h"
#include "base/memory.h"

static pb_status forward(const pb_call *call, pb_error *error)
{
    const pb_affine_params *p = call->params;
    size_t count = call->n * pb_shape_size(call->out);
    float scale = (float)p->scale, shift = (float)p->shift, *y = call->y;
    const float *x = call->x[0];

    (void)error;
#pragma omp parallel for simd
    for (size_t i = 0; i < count; i++)
        y[i] = scale * x[i] + shift;
    return PB_OK;
}

static pb_status jvp(const pb_call *call, pb_error *error)
{
    (void)error;
    pb_axpby(call->n * pb_shape_size(call->out),
             (float)((const pb_affine_params *)call->params)->scale, call->x[0], false, call->y);
    return PB_OK;
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    (void)error;
    pb_axpby(call->n * pb_shape_size(call->out),
             (float)((const pb_affine_params *)call->params)->scale, call->dy, call->add[0],
             call->dx[0]);
    return PB_OK;
}

const pb_kernel pb_cpu_affine = {
    .in_place = true,
    .forward = forward,
    .jvp = jvp,
    .vjp = vjp,
};
