/* Convolution (and with a 1 x 1 kernel, a linear layer).
 *
 *     forward   y  = W * x + b
 *     jvp       dy = W * dx
 *     vjp       dx = W^T * dy
 *
 * The algorithm is chosen when a plan is made: by the shape, or the direct one where the memory has
 * no room for the weights of another (section.h). What is packed already does not count. */
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
        return pb_cpu_keep(&k->packed, cpu, p->weight, layout_of(k->algorithm), error);
    return pb_convolution_new(&k->direct, cpu->dnn, &k->shape, k->direction, k->bias != NULL,
                              k->bf16, p->weight, call->spare, error);
}

pb_status pb_conv2d_prepare_as(pb_call *call, pb_pass pass, pb_algorithm algorithm, pb_error *error)
{
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
    if (status == PB_OK)
        call->kernel = k;
    else
        pb_free(k);
    return status;
}

static pb_algorithm choose(const pb_call *call, const pb_convolution_shape *shape,
                           pb_direction direction)
{
    const pb_costs *costs = ((const pb_cpu *)call->device)->costs;

    return call->packs ? pb_algorithm_choose(costs, shape, direction) : PB_DIRECT;
}

static pb_status prepare(pb_call *call, pb_pass pass, pb_error *error)
{
    const pb_convolution_shape shape = pb_conv2d_shape(call);
    pb_direction direction = pass == PB_VJP ? PB_CONVOLVE_TRANSPOSE : PB_CONVOLVE;

    return pb_conv2d_prepare_as(call, pass, choose(call, &shape, direction), error);
}

static void release(void *data)
{
    kernel *k = data;

    pb_convolution_free(k->direct);
    pb_free(k);
}

static size_t reserved(const pb_device *device, const void *params)
{
    const pb_costs *costs = ((const pb_cpu *)device)->costs;
    const pb_conv2d_params *p = params;
    const pb_call call = {
        .params = p, .in = {{.c = p->o.in_channels}}, .out = {.c = p->o.out_channels}};
    const pb_convolution_shape shape = pb_conv2d_shape(&call);
    size_t bytes = 0;

    for (pb_algorithm a = 0; a < PB_ALGORITHMS; a++)
        if (a != PB_DIRECT && pb_algorithm_may_suit(costs, a, &shape))
            bytes += weight_bytes(p->weight, a);
    return bytes;
}

/* Only those of direct convolution have a layout for each direction. */
static size_t packed(const pb_call *call)
{
    const pb_stored *weight = ((const pb_conv2d_params *)call->params)->weight;
    pb_convolution_shape shape = pb_conv2d_shape(call);
    bool reads[2][PB_ALGORITHMS] = {{false}};
    size_t bytes = 0;

    for (pb_direction d = PB_CONVOLVE; d <= PB_CONVOLVE_TRANSPOSE; d++)
        for (shape.n = 1; shape.n <= call->n; shape.n++)
            reads[d][choose(call, &shape, d)] = true;
    for (pb_algorithm a = 0; a < PB_ALGORITHMS; a++) {
        size_t layouts = a == PB_DIRECT ? (size_t)reads[0][a] + reads[1][a]
                                        : (size_t)(reads[0][a] || reads[1][a]);
        bytes += layouts * weight_bytes(weight, a);
    }
    return bytes;
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
    .reserved = reserved,
    .packed = packed,
    .prepare = prepare,
    .release = release,
    .forward = forward,
    .jvp = jvp,
    .vjp = vjp,
};
