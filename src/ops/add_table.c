#include "ops/ops.h"

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    const pb_table_params *p = params;

    (void)inputs;
    if (in[0].c != p->channels || in[0].h * in[0].w > p->rows)
        return pb_fail(error, PB_INVALID,
                       "%zu positions of %zu channels, expected at most %zu of %zu",
                       in[0].h * in[0].w, in[0].c, p->rows, p->channels);
    *out = in[0];
    return PB_OK;
}

const pb_op pb_add_table = {
    .kind = PB_OP_ADD_TABLE,
    .name = "add_table",
    .params_size = sizeof(pb_table_params),
    .shape = shape,
};
