/* Convolution (and with a 1 x 1 kernel, a linear layer).
 *
 *     forward   y  = W * x + b
 *     jvp       dy = W * dx
 *     vjp       dx = W^T * dy
 *
 * The algorithm, Winograd's or the direct one, is chosen by the shape alone when a plan is made.
 */
#include "ops/ops.h"

#include <pthread.h>

#include "base/memory.h"
#include "ops/parallel.h"
#include "ops/winograd.h"

typedef struct conv2d {
    pb_onednn *dnn;
    pb_conv2d_options o;
    const pb_stored *weight;
    float *bias;
    pthread_mutex_t mutex; /* guards u */
    float *u;              /* the weight as Winograd's algorithm reads it, once it is needed */
} conv2d;

/* One of the two algorithms, ready for one shape. */
typedef struct kernel {
    pb_convolution_shape shape;
    pb_convolution *direct; /* NULL: Winograd's */
    const float *u;
} kernel;

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

/* The transformed weight, made on first use. */
static pb_status get_transformed(const float **u, conv2d *p, pb_error *error)
{
    pb_status status = PB_OK;

    pthread_mutex_lock(&p->mutex);
    if (!p->u)
        status = pb_winograd_weights(&p->u, p->weight, p->o.out_channels, p->o.in_channels, error);
    *u = p->u;
    pthread_mutex_unlock(&p->mutex);
    return status;
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
    kernel *k = pb_calloc(1, sizeof *k);
    pb_status status;

    if (!k)
        return pb_fail_memory(error, sizeof *k, "a convolution");
    k->shape = s;
    if (pb_winograd_suits(&s))
        status = get_transformed(&k->u, (conv2d *)call->params, error);
    else
        status = pb_convolution_new(&k->direct, p->dnn, &s,
                                    pass == PB_VJP ? PB_CONVOLVE_TRANSPOSE : PB_CONVOLVE,
                                    pass == PB_FORWARD && p->bias, p->weight, error);
    if (status == PB_OK)
        call->kernel = k;
    else
        pb_free(k);
    return status;
}

static void release(void *data)
{
    kernel *k = data;

    pb_convolution_free(k->direct);
    pb_free(k);
}

/* A direct vjp that adds needs a place for what it adds. */
static size_t added_bytes(const pb_call *call)
{
    size_t bytes = call->n * pb_shape_size(call->in[0]) * sizeof(float);

    return (bytes + PB_ALIGNMENT - 1) / PB_ALIGNMENT * PB_ALIGNMENT;
}

static size_t work(const pb_call *call, pb_pass pass)
{
    const kernel *k = call->kernel;

    if (!k->direct)
        return pb_winograd_scratch(&k->shape, pass == PB_VJP ? PB_CONVOLVE_TRANSPOSE : PB_CONVOLVE,
                                   call->threads);
    return pb_convolution_scratch(k->direct) +
           (pass == PB_VJP && call->add[0] ? added_bytes(call) : 0);
}

/* W * x, with the bias or without. */
static pb_status convolve(const pb_call *call, const float *bias, pb_error *error)
{
    const kernel *k = call->kernel;

    if (k->direct)
        return pb_convolution_run(k->direct, call->x[0], bias, call->y, call->work, error);
    pb_winograd_forward(&k->shape, k->u, call->x[0], bias, call->y, call->threads, call->work);
    return PB_OK;
}

static pb_status forward(const pb_call *call, pb_error *error)
{
    return convolve(call, ((const conv2d *)call->params)->bias, error);
}

static pb_status jvp(const pb_call *call, pb_error *error)
{
    return convolve(call, NULL, error);
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    const kernel *k = call->kernel;
    float *dx = call->dx[0], *extra = call->work;

    if (!k->direct) {
        pb_winograd_transpose(&k->shape, k->u, call->dy, call->add[0], dx, call->threads,
                              call->work);
        return PB_OK;
    }
    if (!call->add[0])
        return pb_convolution_run(k->direct, call->dy, NULL, dx, call->work, error);
    PB_TRY(pb_convolution_run(k->direct, call->dy, NULL, extra,
                              (char *)call->work + added_bytes(call), error));
    pb_axpby(call->n * pb_shape_size(call->in[0]), 1.0f, extra, true, dx);
    return PB_OK;
}

static void free_params(void *params)
{
    conv2d *p = params;

    pthread_mutex_destroy(&p->mutex);
    pb_free(p->bias);
    pb_free(p->u);
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
    pthread_mutex_init(&p->mutex, NULL);
    if (bias) {
        p->bias = pb_malloc(bias->count, sizeof *p->bias);
        if (!p->bias) {
            free_params(p);
            return pb_fail_memory(error, bias->count * sizeof *p->bias, bias->name);
        }
        pb_stored_read(bias, p->bias);
    }
    *params = p;
    return PB_OK;
}
