#include "ops/ops.h"

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    const pb_layer_norm_params *p = params;

    (void)inputs;
    if (in[0].c != p->channels)
        return pb_fail(error, PB_INVALID, "a norm over %zu channels, expected %zu", in[0].c,
                       p->channels);
    *out = in[0];
    return PB_OK;
}

const pb_op pb_layer_norm = {
    .kind = PB_OP_LAYER_NORM,
    .name = "layer_norm",
    .params_size = sizeof(pb_layer_norm_params),
    .shape = shape,
};
