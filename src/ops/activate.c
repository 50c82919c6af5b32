/* An activation function.
 *
 *     forward   y  = act(x)            saved: a = act'(x)
 *     jvp       dy = a dx
 *     vjp       dx = a dy
 */
#include "ops/ops.h"

#include <string.h>

#include "base/memory.h"
#include "ops/parallel.h"

typedef struct activate {
    pb_activation activation;
} activate;

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)params, (void)inputs, (void)error;
    *out = in[0];
    return PB_OK;
}

static size_t saved(const pb_call *call)
{
    return pb_shape_size(call->out);
}

static pb_status forward(const pb_call *call, pb_error *error)
{
    pb_activation activation = ((const activate *)call->params)->activation;
    size_t count = call->n * pb_shape_size(call->out);

    (void)error;
#pragma omp parallel for
    for (size_t i = 0; i < count; i += PB_STRIP) {
        size_t length = count - i < PB_STRIP ? count - i : PB_STRIP;
        if (call->y != call->x[0])
            memcpy(call->y + i, call->x[0] + i, length * sizeof(float));
        pb_activation_apply(activation, length, call->y + i, call->saved ? call->saved + i : NULL);
    }
    return PB_OK;
}

static pb_status jvp(const pb_call *call, pb_error *error)
{
    size_t size = pb_shape_size(call->out);

    (void)error;
#pragma omp parallel for
    for (size_t j = 0; j < call->n; j++)
        for (size_t i = 0; i < size; i++)
            call->y[j * size + i] = call->saved[i] * call->x[0][j * size + i];
    return PB_OK;
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    size_t size = pb_shape_size(call->out);

    (void)error;
#pragma omp parallel for
    for (size_t j = 0; j < call->n; j++) {
        const float *dy = call->dy + j * size;
        float *dx = call->dx[0] + j * size;
        for (size_t i = 0; i < size; i++)
            dx[i] = (call->add[0] ? dx[i] : 0.0f) + call->saved[i] * dy[i];
    }
    return PB_OK;
}

const pb_op pb_activate = {
    .name = "activate",
    .in_place = true,
    .shape = shape,
    .saved = saved,
    .forward = forward,
    .jvp = jvp,
    .vjp = vjp,
};

pb_status pb_activate_new(void **params, pb_activation activation, pb_error *error)
{
    activate *p = pb_calloc(1, sizeof *p);

    if (!p)
        return pb_fail_memory(error, sizeof *p, "an activation");
    p->activation = activation;
    *params = p;
    return PB_OK;
}
