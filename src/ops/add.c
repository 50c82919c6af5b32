#include "ops/ops.h"

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

const pb_op pb_add = {
    .kind = PB_OP_ADD,
    .name = "add",
    .params_size = sizeof(pb_add_params),
    .shape = shape,
};
