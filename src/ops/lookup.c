#include "ops/ops.h"

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)inputs;
    if (in[0].c != 1)
        return pb_fail(error, PB_INTERNAL, "a table's index is one number, not %zu", in[0].c);
    *out = (pb_shape){in[0].h, in[0].w, ((const pb_table_params *)params)->channels};
    return PB_OK;
}

const pb_op pb_lookup = {
    .kind = PB_OP_LOOKUP,
    .name = "lookup",
    .params_size = sizeof(pb_table_params),
    .shape = shape,
};
