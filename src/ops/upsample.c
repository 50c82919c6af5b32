#include "ops/ops.h"

size_t pb_upsample_source(size_t in, size_t out, size_t a)
{
    float scale = (float)in / (float)out;
    size_t p = (size_t)((float)a * scale);

    return p < in ? p : in - 1;
}

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)params, (void)inputs, (void)error;
    *out = (pb_shape){2 * in[0].h, 2 * in[0].w, in[0].c};
    return PB_OK;
}

static pb_status shape_to(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                          pb_error *error)
{
    (void)params, (void)inputs;
    if (in[1].h < in[0].h || in[1].w < in[0].w)
        return pb_fail(error, PB_INVALID, "%zux%zu positions enlarged to %zux%zu", in[0].h, in[0].w,
                       in[1].h, in[1].w);
    *out = (pb_shape){in[1].h, in[1].w, in[0].c};
    return PB_OK;
}

const pb_op pb_upsample = {
    .kind = PB_OP_UPSAMPLE,
    .name = "upsample",
    .shape = shape,
};

const pb_op pb_upsample_to = {
    .kind = PB_OP_UPSAMPLE_TO,
    .name = "upsample_to",
    .unread = 1,
    .shape = shape_to,
};
