/* Convolution (and with a 1 x 1 kernel, a linear layer).
 *
 *     forward   y  = W * x + b
 *     jvp       dy = W * dx
 *     vjp       dx = W^T * dy
 */
#include "ops/ops.h"

#include "base/memory.h"

typedef struct conv2d {
    pb_onednn *dnn;
    pb_conv2d_options o;
    const pb_stored *weight;
    float *bias;
} conv2d;

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    const pb_conv2d_options *o = &((const conv2d *)params)->o;
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

static pb_status prepare(pb_call *call, pb_pass pass, pb_error *error)
{
    const conv2d *p = call->params;
    const pb_conv2d_options *o = &p->o;
    const pb_convolution_shape s = {
        .n = call->n,
        .in_h = call->in[0].h,
        .in_w = call->in[0].w,
        .in_c = call->in[0].c,
        .out_h = call->out.h,
        .out_w = call->out.w,
        .out_c = call->out.c,
        .kernel = o->kernel,
        .stride = o->stride,
        .top = o->top,
        .left = o->left,
        .bottom = o->bottom,
        .right = o->right,
    };
    pb_convolution *made = NULL;

    PB_TRY(pb_convolution_new(&made, p->dnn, &s,
                              pass == PB_VJP ? PB_CONVOLVE_TRANSPOSE : PB_CONVOLVE,
                              pass == PB_FORWARD && p->bias, p->weight, error));
    call->kernel = made;
    return PB_OK;
}

static void release(void *kernel)
{
    pb_convolution_free(kernel);
}

/* A vjp that adds needs a place for what it adds. */
static size_t added_bytes(const pb_call *call)
{
    size_t bytes = call->n * pb_shape_size(call->in[0]) * sizeof(float);

    return (bytes + PB_ALIGNMENT - 1) / PB_ALIGNMENT * PB_ALIGNMENT;
}

static size_t work(const pb_call *call, pb_pass pass)
{
    size_t scratch = pb_convolution_scratch(call->kernel);

    return pass == PB_VJP && call->add[0] ? added_bytes(call) + scratch : scratch;
}

static pb_status forward(const pb_call *call, pb_error *error)
{
    return pb_convolution_run(call->kernel, call->x[0], ((const conv2d *)call->params)->bias,
                              call->y, call->work, error);
}

static pb_status jvp(const pb_call *call, pb_error *error)
{
    return pb_convolution_run(call->kernel, call->x[0], NULL, call->y, call->work, error);
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    size_t count = call->n * pb_shape_size(call->in[0]);
    float *dx = call->dx[0], *extra = call->work;

    if (!call->add[0])
        return pb_convolution_run(call->kernel, call->dy, NULL, dx, call->work, error);
    PB_TRY(pb_convolution_run(call->kernel, call->dy, NULL, extra,
                              (char *)call->work + added_bytes(call), error));
#pragma omp parallel for simd
    for (size_t i = 0; i < count; i++)
        dx[i] += extra[i];
    return PB_OK;
}

static void free_params(void *params)
{
    conv2d *p = params;

    pb_free(p->bias);
    pb_free(p);
}

const pb_op pb_conv2d = {
    .name = "conv2d",
    .shape = shape,
    .work = work,
    .prepare = prepare,
    .release = release,
    .forward = forward,
    .jvp = jvp,
    .vjp = vjp,
    .free = free_params,
};

pb_status pb_conv2d_new(void **params, pb_onednn *dnn, const pb_conv2d_options *options,
                        const pb_stored *weight, const pb_stored *bias, pb_error *error)
{
    conv2d *p = pb_calloc(1, sizeof *p);

    if (!p)
        return pb_fail_memory(error, sizeof *p, "a convolution");
    *p = (conv2d){.dnn = dnn, .o = *options, .weight = weight};
    if (bias) {
        p->bias = pb_malloc(bias->count, sizeof *p->bias);
        if (!p->bias) {
            pb_free(p);
            return pb_fail_memory(error, bias->count * sizeof *p->bias, bias->name);
        }
        pb_stored_read(bias, p->bias);
    }
    *params = p;
    return PB_OK;
}
