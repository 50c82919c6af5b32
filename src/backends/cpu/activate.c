/* An activation function.
 *
 *     forward   y  = act(x)            saved: a = act'(x)
 *     jvp       dy = a dx
 *     vjp       dx = a dy
 */
#include "backends/cpu/kernels.h"

#include <string.h>

#include "backends/cpu/parallel.h"
#include "base/memory.h"

static size_t saved(const pb_call *call)
{
    return pb_shape_size(call->out);
}

static pb_status forward(const pb_call *call, pb_error *error)
{
    pb_activation activation = ((const pb_activate_params *)call->params)->activation;
    size_t count = call->n * pb_shape_size(call->out);
    const float *x = call->x[0];
    float *y = call->y, *slope = call->saved;

    (void)error;
#pragma omp parallel for
    for (size_t i = 0; i < count; i += PB_STRIP) {
        size_t length = count - i < PB_STRIP ? count - i : PB_STRIP;
        if (y != x)
            memcpy(y + i, x + i, length * sizeof *y);
        pb_activation_apply(activation, length, y + i, slope ? slope + i : NULL);
    }
    return PB_OK;
}

static pb_status jvp(const pb_call *call, pb_error *error)
{
    size_t size = pb_shape_size(call->out);
    const float *dx = call->x[0], *a = call->saved;
    float *dy = call->y;

    (void)error;
#pragma omp parallel for
    for (size_t j = 0; j < call->n; j++)
        for (size_t i = 0; i < size; i++)
            dy[j * size + i] = a[i] * dx[j * size + i];
    return PB_OK;
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    size_t size = pb_shape_size(call->out);
    const float *a = call->saved;

    (void)error;
#pragma omp parallel for
    for (size_t j = 0; j < call->n; j++) {
        const float *dy = (const float *)call->dy + j * size;
        float *dx = (float *)call->dx[0] + j * size;
        for (size_t i = 0; i < size; i++)
            dx[i] = (call->add[0] ? dx[i] : 0.0f) + a[i] * dy[i];
    }
    return PB_OK;
}

const pb_kernel pb_cpu_activate = {
    .in_place = true,
    .saved = saved,
    .forward = forward,
    .jvp = jvp,
    .vjp = vjp,
};
