#include "ops/ops.h"

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)params, (void)inputs;
    if (in[0].c % 2)
        return pb_fail(error, PB_INVALID, "a gate over an odd number of channels: %zu", in[0].c);
    *out = (pb_shape){in[0].h, in[0].w, in[0].c / 2};
    return PB_OK;
}

const pb_op pb_gate = {
    .kind = PB_OP_GATE,
    .name = "gate",
    .shape = shape,
};
