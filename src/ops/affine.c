/* A scale and a shift, the same for all entries.
 *
 *     forward   y  = s x + t
 *     jvp       dy = s dx
 *     vjp       dx = s dy
 */
#include "ops/ops.h"

#include "base/memory.h"
#include "ops/parallel.h"

typedef struct affine {
    float scale, shift;
} affine;

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)params, (void)inputs, (void)error;
    *out = in[0];
    return PB_OK;
}

static pb_status forward(const pb_call *call, pb_error *error)
{
    const affine *p = call->params;
    size_t count = call->n * pb_shape_size(call->out);

    (void)error;
#pragma omp parallel for simd
    for (size_t i = 0; i < count; i++)
        call->y[i] = p->scale * call->x[0][i] + p->shift;
    return PB_OK;
}

static pb_status jvp(const pb_call *call, pb_error *error)
{
    (void)error;
    pb_axpby(call->n * pb_shape_size(call->out), ((const affine *)call->params)->scale, call->x[0],
             false, call->y);
    return PB_OK;
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    (void)error;
    pb_axpby(call->n * pb_shape_size(call->out), ((const affine *)call->params)->scale, call->dy,
             call->add[0], call->dx[0]);
    return PB_OK;
}

const pb_op pb_affine = {
    .name = "affine",
    .in_place = true,
    .shape = shape,
    .forward = forward,
    .jvp = jvp,
    .vjp = vjp,
};

pb_status pb_affine_new(void **params, double scale, double shift, pb_error *error)
{
    affine *p = pb_calloc(1, sizeof *p);

    if (!p)
        return pb_fail_memory(error, sizeof *p, "a scale and shift");
    *p = (affine){(float)scale, (float)shift};
    *params = p;
    return PB_OK;
}
