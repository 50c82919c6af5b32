/* Convolution (and with a 1 x 1 kernel, a linear layer).
 *
 *     forward   y  = W * x + b
 *     jvp       dy = W * dx
 *     vjp       dx = W^T * dy
 *
 * The algorithm is chosen by the shape alone when a plan is made. */
#include "ops/conv2d.h"

#include <pthread.h>

#include "base/memory.h"
#include "ops/exact.h"
#include "ops/im2row.h"
#include "ops/ops.h"
#include "ops/parallel.h"
#include "ops/window.h"
#include "ops/winograd.h"

typedef struct conv2d {
    pb_convolver *convolver;
    pb_conv2d_options o;
    const pb_stored *weight;
    float *bias;
    pthread_mutex_t mutex;        /* guards packed */
    float *packed[PB_ALGORITHMS]; /* the weight as an algorithm reads it, once it is needed */
} conv2d;

/* One of the algorithms, ready for one shape. */
typedef struct kernel {
    pb_convolution_shape shape;
    pb_direction direction;
    bool exact; /* exact.h's, or one of the algorithms: */
    bool bf16;  /* the direct one, in bfloat16 */
    pb_algorithm algorithm;
    pb_convolution *direct; /* or */
    const float *packed;
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

/* Floats of the weight as an algorithm reads it; the direct one's layouts add little padding. */
static size_t packed_floats(const conv2d *p, pb_algorithm algorithm)
{
    const pb_conv2d_options *o = &p->o;

    return algorithm == PB_WINOGRAD
               ? pb_winograd_weight_floats(o->out_channels, o->in_channels)
               : pb_im2row_weight_floats(o->out_channels, o->in_channels, o->kernel);
}

static pb_status pack(conv2d *p, pb_algorithm algorithm, pb_error *error)
{
    const pb_conv2d_options *o = &p->o;
    float **packed = &p->packed[algorithm];

    if (algorithm == PB_WINOGRAD)
        PB_TRY(pb_winograd_weights(packed, p->weight, o->out_channels, o->in_channels, error));
    else
        PB_TRY(pb_im2row_weights(packed, p->weight, o->out_channels, o->in_channels, o->kernel,
                                 error));
    p->convolver->packed_bytes += packed_floats(p, algorithm) * sizeof(float);
    return PB_OK;
}

/* Sets k->packed, making it on first use; where it does not fit into the limit, k becomes direct.
 */
static pb_status get_packed(kernel *k, conv2d *p, size_t limit, pb_error *error)
{
    size_t bytes = packed_floats(p, k->algorithm) * sizeof(float);
    pb_status status = PB_OK;

    pthread_mutex_lock(&p->mutex);
    if (!p->packed[k->algorithm]) {
        if (pb_convolver_packed_bytes(p->convolver) + bytes > limit)
            k->algorithm = PB_DIRECT;
        else
            status = pack(p, k->algorithm, error);
    }
    k->packed = p->packed[k->algorithm];
    pthread_mutex_unlock(&p->mutex);
    return status;
}

pb_convolution_shape pb_conv2d_shape(const pb_call *call)
{
    const pb_conv2d_options *o = &((const conv2d *)call->params)->o;

    return (pb_convolution_shape){
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
}

/* Bytes that weights packed for direct convolution may still take: Winograd's, four times as large,
 * stop at the limit, these at twice that. */
static size_t room(pb_convolver *convolver, size_t limit)
{
    size_t packed = pb_convolver_packed_bytes(convolver), most = 2 * limit;

    if (limit > SIZE_MAX / 2)
        return SIZE_MAX;
    return packed < most ? most - packed : 0;
}

pb_status pb_conv2d_prepare_as(pb_call *call, pb_pass pass, pb_algorithm algorithm, pb_error *error)
{
    conv2d *p = (conv2d *)call->params; /* what is packed is behind a mutex */
    kernel *k = pb_calloc(1, sizeof *k);
    pb_status status = PB_OK;

    if (!k)
        return pb_fail_memory(error, sizeof *k, "a convolution");
    k->shape = pb_conv2d_shape(call);
    k->direction = pass == PB_VJP ? PB_CONVOLVE_TRANSPOSE : PB_CONVOLVE;
    k->exact = call->exact;
    k->bf16 = call->bf16;
    k->algorithm = k->bf16 ? PB_DIRECT : algorithm;
    if (call->dry) {
        if (pb_convolver_packed_bytes(p->convolver) +
                packed_floats(p, k->algorithm) * sizeof(float) >
            call->packed_limit)
            k->algorithm = PB_DIRECT;
        call->kernel = k;
        return PB_OK;
    }
    if (!k->exact && k->algorithm != PB_DIRECT)
        status = get_packed(k, p, call->packed_limit, error);
    if (status == PB_OK && !k->exact && k->algorithm == PB_DIRECT)
        status = pb_convolution_new(&k->direct, p->convolver->dnn, &k->shape, k->direction,
                                    pass == PB_FORWARD && p->bias, k->bf16, p->weight,
                                    room(p->convolver, call->packed_limit), error);
    if (status == PB_OK)
        call->kernel = k;
    else
        pb_free(k);
    return status;
}

static pb_status prepare(pb_call *call, pb_pass pass, pb_error *error)
{
    const pb_convolution_shape shape = pb_conv2d_shape(call);
    pb_direction direction = pass == PB_VJP ? PB_CONVOLVE_TRANSPOSE : PB_CONVOLVE;
    const pb_costs *costs = ((const conv2d *)call->params)->convolver->costs;

    return pb_conv2d_prepare_as(call, pass, pb_algorithm_choose(costs, &shape, direction), error);
}

static void release(void *data)
{
    kernel *k = data;

    pb_convolution_free(k->direct);
    pb_free(k);
}

static size_t packed(const pb_call *call)
{
    const kernel *k = call->kernel;

    return k->exact ? 0 : packed_floats(call->params, k->algorithm) * sizeof(float);
}

static const char *manner(const pb_call *call)
{
    const kernel *k = call->kernel;

    return k->exact ? "exact" : k->bf16 ? "bf16" : pb_algorithm_name(k->algorithm);
}

static double flops(const pb_call *call)
{
    const pb_convolution_shape shape = pb_conv2d_shape(call);

    return pb_convolution_flops(&shape);
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

    if (k->exact)
        return pb_exact_scratch(&k->shape, call->threads);
    if (k->algorithm == PB_WINOGRAD)
        return pb_winograd_scratch(&k->shape, call->threads);
    if (k->algorithm == PB_IM2ROW)
        return pb_im2row_scratch(&k->shape, k->direction, call->threads);
    return (k->direct ? pb_convolution_scratch(k->direct) : 0) +
           (pass == PB_VJP && call->add[0] ? added_bytes(call) : 0);
}

/* W * x, with the bias or without. */
static pb_status convolve(const pb_call *call, const float *bias, pb_error *error)
{
    const kernel *k = call->kernel;

    if (k->exact)
        return pb_exact_forward(&k->shape, ((const conv2d *)call->params)->weight, call->x[0], bias,
                                call->y, call->threads, call->work, error);
    if (k->algorithm == PB_DIRECT)
        return pb_convolution_run(k->direct, call->x[0], bias, call->y, call->work, error);
    (k->algorithm == PB_WINOGRAD ? pb_winograd_forward : pb_im2row_forward)(
        &k->shape, k->packed, call->x[0], bias, call->y, call->threads, call->work);
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

    if (k->algorithm != PB_DIRECT) {
        (k->algorithm == PB_WINOGRAD ? pb_winograd_transpose : pb_im2row_transpose)(
            &k->shape, k->packed, call->dy, call->add[0], dx, call->threads, call->work);
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
    for (size_t i = 0; i < PB_ALGORITHMS; i++)
        pb_free(p->packed[i]);
    pb_free(p);
}

const pb_op pb_conv2d = {
    .name = "conv2d",
    .shape = shape,
    .manner = manner,
    .flops = flops,
    .work = work,
    .packed = packed,
    .prepare = prepare,
    .release = release,
    .forward = forward,
    .jvp = jvp,
    .vjp = vjp,
    .free = free_params,
};

pb_status pb_conv2d_new(void **params, pb_convolver *convolver, const pb_conv2d_options *options,
                        const pb_stored *weight, const pb_stored *bias, pb_error *error)
{
    conv2d *p = pb_calloc(1, sizeof *p);
    pb_status status = PB_OK;

    if (!p)
        return pb_fail_memory(error, sizeof *p, "a convolution");
    *p = (conv2d){.convolver = convolver, .o = *options, .weight = weight};
    pthread_mutex_init(&p->mutex, NULL);
    if (bias)
        status = pb_stored_load(&p->bias, bias, error);
    if (status == PB_OK)
        *params = p;
    else
        free_params(p);
    return status;
}
