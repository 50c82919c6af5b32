/* A sum of two values, scaled.
 *
 *     forward   y    = (x_0 + x_1) s
 *     jvp       dy   = (dx_0 + dx_1) s
 *     vjp       dx_i = s dy
 */
#include "ops/ops.h"

#include "base/memory.h"
#include "ops/parallel.h"

typedef struct sum {
    float scale;
} sum;

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)params, (void)inputs;
    if (!pb_shape_equal(in[0], in[1]))
        return pb_fail(error, PB_INVALID, "a sum of %zux%zux%zu and %zux%zux%zu (h, w, c)", in[0].h,
                       in[0].w, in[0].c, in[1].h, in[1].w, in[1].c);
    *out = in[0];
    return PB_OK;
}

/* Forward and jvp alike; an input that is NULL counts as zero. */
static pb_status apply(const pb_call *call, pb_error *error)
{
    float scale = ((const sum *)call->params)->scale;
    size_t size = pb_shape_size(call->out);
    bool have = false;

    (void)error;
    for (size_t i = 0; i < 2; i++) {
        size_t parts = call->shared[i] ? call->n : 1, length = call->n * size / parts;
        if (!call->x[i])
            continue;
        for (size_t j = 0; j < parts; j++)
            pb_axpby(length, scale, call->x[i], have, call->y + j * length);
        have = true;
    }
    return PB_OK;
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    float scale = ((const sum *)call->params)->scale;
    size_t count = call->n * pb_shape_size(call->out);

    (void)error;
    /* Input 0 last: its cotangent may take the place of dy. */
    for (size_t i = 2; i-- > 0;)
        if (call->dx[i])
            pb_axpby(count, scale, call->dy, call->add[i], call->dx[i]);
    return PB_OK;
}

const pb_op pb_add = {
    .name = "add",
    .in_place = true,
    .shape = shape,
    .forward = apply,
    .jvp = apply,
    .vjp = vjp,
};

pb_status pb_add_new(void **params, double scale, pb_error *error)
{
    sum *p = pb_calloc(1, sizeof *p);

    if (!p)
        return pb_fail_memory(error, sizeof *p, "a sum");
    p->scale = (float)scale;
    *params = p;
    return PB_OK;
}
