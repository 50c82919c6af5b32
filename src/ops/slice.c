/* The first channels of a value.
 *
 *     forward   y  = first channels of x
 *     jvp       dy = first channels of dx
 *     vjp       dx = (dy, 0)
 */
#include "ops/ops.h"

#include <string.h>

#include "base/memory.h"

typedef struct slice {
    size_t channels;
} slice;

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    size_t channels = ((const slice *)params)->channels;

    (void)inputs;
    if (in[0].c < channels)
        return pb_fail(error, PB_INVALID, "the first %zu of %zu channels", channels, in[0].c);
    *out = (pb_shape){in[0].h, in[0].w, channels};
    return PB_OK;
}

static pb_status apply(const pb_call *call, pb_error *error)
{
    size_t rows = call->n * call->out.h * call->out.w;

    (void)error;
#pragma omp parallel for
    for (size_t r = 0; r < rows; r++)
        memcpy(call->y + r * call->out.c, call->x[0] + r * call->in[0].c,
               call->out.c * sizeof *call->y);
    return PB_OK;
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    size_t rows = call->n * call->out.h * call->out.w, c = call->in[0].c;

    (void)error;
#pragma omp parallel for
    for (size_t r = 0; r < rows; r++) {
        float *dx = call->dx[0] + r * c;
        if (!call->add[0])
            memset(dx, 0, c * sizeof *dx);
        for (size_t i = 0; i < call->out.c; i++)
            dx[i] += call->dy[r * call->out.c + i];
    }
    return PB_OK;
}

const pb_op pb_slice = {
    .name = "slice",
    .shape = shape,
    .forward = apply,
    .jvp = apply,
    .vjp = vjp,
};

pb_status pb_slice_new(void **params, size_t channels, pb_error *error)
{
    slice *p = pb_calloc(1, sizeof *p);

    if (!p)
        return pb_fail_memory(error, sizeof *p, "a slice");
    p->channels = channels;
    *params = p;
    return PB_OK;
}
