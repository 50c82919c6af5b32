/* A sum of two values, scaled.
 *
 *     forward   y    = (x_0 + x_1) s
 *     jvp       dy   = (dx_0 + dx_1) s
 *     vjp       dx_i = s dy
 */
#include "backends/cpu/kernels.h"

#include "backends/cpu/parallel.h"
#include "base/memory.h"

/* Forward and jvp alike; an input that is NULL counts as zero. */
static pb_status apply(const pb_call *call, pb_error *error)
{
    float scale = (float)((const pb_add_params *)call->params)->scale, *y = call->y;
    size_t size = pb_shape_size(call->out);
    bool have = false;

    (void)error;
    for (size_t i = 0; i < 2; i++) {
        size_t parts = call->shared[i] ? call->n : 1, length = call->n * size / parts;
        if (!call->x[i])
            continue;
        for (size_t j = 0; j < parts; j++)
            pb_axpby(length, scale, call->x[i], have, y + j * length);
        have = true;
    }
    return PB_OK;
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    float scale = (float)((const pb_add_params *)call->params)->scale;
    size_t count = call->n * pb_shape_size(call->out);

    (void)error;
    /* Input 0 last: its cotangent may take the place of dy. */
    for (size_t i = 2; i-- > 0;)
        if (call->dx[i])
            pb_axpby(count, scale, call->dy, call->add[i], call->dx[i]);
    return PB_OK;
}

const pb_kernel pb_cpu_add = {
    .in_place = true,
    .forward = apply,
    .jvp = apply,
    .vjp = vjp,
};
