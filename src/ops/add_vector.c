#include "ops/ops.h"

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)params, (void)inputs;
    if (in[1].h != 1 || in[1].w != 1 || in[0].c != in[1].c)
        return pb_fail(error, PB_INVALID, "a vector of %zux%zux%zu added to %zux%zux%zu (h, w, c)",
                       in[1].h, in[1].w, in[1].c, in[0].h, in[0].w, in[0].c);
    *out = in[0];
    return PB_OK;
}

const pb_op pb_add_vector = {
    .kind = PB_OP_ADD_VECTOR,
    .name = "add_vector",
    .shape = shape,
};
