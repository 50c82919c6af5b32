#include "ops/ops.h"

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    size_t channels = ((const pb_slice_params *)params)->channels;

    (void)inputs;
    if (in[0].c < channels)
        return pb_fail(error, PB_INVALID, "the first %zu of %zu channels", channels, in[0].c);
    *out = (pb_shape){in[0].h, in[0].w, channels};
    return PB_OK;
}

const pb_op pb_slice = {
    .kind = PB_OP_SLICE,
    .name = "slice",
    .params_size = sizeof(pb_slice_params),
    .shape = shape,
};
