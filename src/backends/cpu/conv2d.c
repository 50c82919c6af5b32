/* Convolution (and with a 1 x 1 kernel, a linear layer).
 *
 *     forward   y  = W * x + b
 *     jvp       dy = W * dx
 *     vjp       dx = W^T * dy
 *
 * The algorithm is chosen by the shape alone when a plan is made. */
#include "backends/cpu/conv2d.h"

#include "backends/cpu/exact.h"
#include "backends/cpu/im2row.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/window.h"
#include "backends/cpu/winograd.h"
#include "base/memory.h"

/* One of the algorithms, ready for one shape. */
typedef struct kernel {
    pb_convolution_shape shape;
    pb_direction direction;
    bool exact; /* exact.h's, or one of the algorithms: */
    bool bf16;  /* the direct one, in bfloat16 */
    pb_algorithm algorithm;
    pb_convolution *direct; /* or */
    const float *packed;
    const float *bias; /* forward */
} kernel;

/* How the weight is laid out for an algorithm; the direct one's layouts add little padding. */
static pb_cpu_layout layout_of(pb_algorithm algorithm)
{
    return algorithm == PB_WINOGRAD ? PB_CPU_WINOGRAD : PB_CPU_IM2ROW;
}

static size_t weight_bytes(const pb_stored *weight, pb_algorithm algorithm)
{
    return pb_cpu_kept_floats(weight, layout_of(algorithm)) * sizeof(float);
}

/* Sets k->packed; where it does not fit into the limit, k becomes direct. */
static pb_status get_packed(kernel *k, pb_cpu *cpu, const pb_stored *weight, size_t limit,
                            pb_error *error)
{
    PB_TRY(pb_cpu_keep(&k->packed, cpu, weight, layout_of(k->algorithm), limit, error));
    if (!k->packed)
        k->algorithm = PB_DIRECT;
    return PB_OK;
}

pb_convolution_shape pb_conv2d_shape(const pb_call *call)
{
    const pb_conv2d_options *o = &((const pb_conv2d_params *)call->params)->o;

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
static size_t room(pb_cpu *cpu, size_t limit)
{
    size_t packed = pb_cpu_packed_bytes(cpu), most = 2 * limit;

    if (limit > SIZE_MAX / 2)
        return SIZE_MAX;
    return packed < most ? most - packed : 0;
}

/* What the kernel works with: packed weights, or a convolution of oneDNN's; and the bias. */
static pb_status make(kernel *k, const pb_call *call, pb_pass pass, pb_error *error)
{
    const pb_conv2d_params *p = call->params;
    pb_cpu *cpu = (pb_cpu *)call->device;

    if (pass == PB_FORWARD)
        PB_TRY(pb_cpu_plain(&k->bias, call->device, p->bias, error));
    if (k->exact)
        return PB_OK;
    if (k->algorithm != PB_DIRECT)
        PB_TRY(get_packed(k, cpu, p->weight, call->packed_limit, error));
    if (k->algorithm != PB_DIRECT)
        return PB_OK;
    return pb_convolution_new(&k->direct, cpu->dnn, &k->shape, k->direction, k->bias != NULL,
                              k->bf16, p->weight, room(cpu, call->packed_limit), error);
}

pb_status pb_conv2d_prepare_as(pb_call *call, pb_pass pass, pb_algorithm algorithm, pb_error *error)
{
    const pb_stored *weight = ((const pb_conv2d_params *)call->params)->weight;
    kernel *k = pb_calloc(1, sizeof *k);
    pb_status status = PB_OK;

    if (!k)
        return pb_fail_memory(error, sizeof *k, "a convolution");
    k->shape = pb_conv2d_shape(call);
    k->direction = pass == PB_VJP ? PB_CONVOLVE_TRANSPOSE : PB_CONVOLVE;
    k->exact = call->exact;
    k->bf16 = call->bf16;
    k->algorithm = k->bf16 ? PB_DIRECT : algorithm;
    if (!call->dry)
        status = make(k, call, pass, error);
    else if (pb_cpu_packed_bytes((pb_cpu *)call->device) + weight_bytes(weight, k->algorithm) >
             call->packed_limit)
        k->algorithm = PB_DIRECT;
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
    const pb_costs *costs = ((const pb_cpu *)call->device)->costs;

    return pb_conv2d_prepare_as(call, pass, pb_algorithm_choose(costs, &shape, direction), error);
}

static void release(void *data)
{
    kernel *k = data;

    pb_convolution_free(k->direct);
    pb_free(k);
}

/* Only those of Winograd's algorithm have one layout for both directions. */
static size_t packed(const pb_call *call, pb_pass pass)
{
    const kernel *k = call->kernel;

    if (k->exact || (pass == PB_VJP && k->algorithm == PB_WINOGRAD))
        return 0;
    return weight_bytes(((const pb_conv2d_params *)call->params)->weight, k->algorithm);
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
        return pb_exact_forward(&k->shape, ((const pb_conv2d_params *)call->params)->weight,
                                call->x[0], bias, call->y, call->threads, call->work, error);
    if (k->algorithm == PB_DIRECT)
        return pb_convolution_run(k->direct, call->x[0], bias, call->y, call->work, error);
    (k->algorithm == PB_WINOGRAD ? pb_winograd_forward : pb_im2row_forward)(
        &k->shape, k->packed, call->x[0], bias, call->y, call->threads, call->work);
    return PB_OK;
}

static pb_status forward(const pb_call *call, pb_error *error)
{
    return convolve(call, ((const kernel *)call->kernel)->bias, error);
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

const pb_kernel pb_cpu_conv2d = {
    .manner = manner,
    .flops = flops,
    .work = work,
    .packed = packed,
    .prepare = prepare,
    .release = release,
    .forward = forward,
    .jvp = jvp,
    .vjp = vjp,
};
