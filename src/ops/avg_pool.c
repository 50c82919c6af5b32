#include "ops/ops.h"

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)params, (void)inputs;
    if (in[0].h < 2 || in[0].w < 2)
        return pb_fail(error, PB_INVALID, "2x2 means of %zux%zu positions", in[0].h, in[0].w);
    *out = (pb_shape){in[0].h / 2, in[0].w / 2, in[0].c};
    return PB_OK;
}

const pb_op pb_avg_pool = {
    .kind = PB_OP_AVG_POOL,
    .name = "avg_pool",
    .shape = shape,
};
