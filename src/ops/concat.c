#include "ops/ops.h"

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)params, (void)inputs;
    if (in[0].h != in[1].h || in[0].w != in[1].w)
        return pb_fail(error, PB_INVALID, "channels of %zux%zu and of %zux%zu put together",
                       in[0].h, in[0].w, in[1].h, in[1].w);
    *out = (pb_shape){in[0].h, in[0].w, in[0].c + in[1].c};
    return PB_OK;
}

const pb_op pb_concat = {
    .kind = PB_OP_CONCAT,
    .name = "concat",
    .shape = shape,
};
