#include "ops/ops.h"

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)params, (void)inputs, (void)error;
    *out = in[0];
    return PB_OK;
}

const pb_op pb_affine = {
    .kind = PB_OP_AFFINE,
    .name = "affine",
    .params_size = sizeof(pb_affine_params),
    .shape = shape,
};
