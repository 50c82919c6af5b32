#include "ops/ops.h"

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    size_t heads = ((const pb_attention_params *)params)->heads;

    (void)inputs;
    if (in[PB_Q].c != in[PB_K].c || !pb_shape_equal(in[PB_K], in[PB_V]) || heads == 0 ||
        in[PB_Q].c % heads)
        return pb_fail(error, PB_INVALID,
                       "attention of %zu heads over Q, K, V of %zu, %zu, %zu channels", heads,
                       in[PB_Q].c, in[PB_K].c, in[PB_V].c);
    *out = in[PB_Q];
    return PB_OK;
}

const pb_op pb_attention = {
    .kind = PB_OP_ATTENTION,
    .name = "attention",
    .params_size = sizeof(pb_attention_params),
    .shape = shape,
};
