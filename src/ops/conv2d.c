#include "ops/ops.h"

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    const pb_conv2d_options *o = &((const pb_conv2d_params *)params)->o;
    size_t h = in[0].h + o->top + o->bottom, w = in[0].w + o->left + o->right;

    (void)inputs;
    if (in[0].c != o->in_channels || h < o->kernel || w < o->kernel)
        return pb_fail(error, PB_INVALID,
                       "a %zux%zu convolution of %zu channels got %zux%zu with %zu channels",
                       o->kernel, o->kernel, o->in_channels, in[0].h, in[0].w, in[0].c);
    *out = (pb_shape){(h - o->kernel) / o->stride + 1, (w - o->kernel) / o->stride + 1,
                      o->out_channels};
    return PB_OK;
}

const pb_op pb_conv2d = {
    .kind = PB_OP_CONV2D,
    .name = "conv2d",
    .params_size = sizeof(pb_conv2d_params),
    .shape = shape,
};
