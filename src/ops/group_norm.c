#include "ops/ops.h"

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    const pb_group_norm_params *p = params;

    if (in[0].c != p->channels)
        return pb_fail(error, PB_INVALID, "a group norm of %zu channels got %zu", p->channels,
                       in[0].c);
    if (inputs > 1 && pb_shape_size(in[1]) != 2 * p->channels)
        return pb_fail(error, PB_INVALID, "a modulation of %zu channels has %zu numbers",
                       p->channels, pb_shape_size(in[1]));
    *out = in[0];
    return PB_OK;
}

const pb_op pb_group_norm = {
    .kind = PB_OP_GROUP_NORM,
    .name = "group_norm",
    .params_size = sizeof(pb_group_norm_params),
    .shape = shape,
};
