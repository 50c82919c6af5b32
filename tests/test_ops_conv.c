/* Convolution, by each of its algorithms. */
#include <math.h>

#include "backends/cpu/bfloat.h"
#include "backends/cpu/cpu.h"
#include "base/memory.h"
#include "must.h"
#include "op_harness.h"
#include "op_parts.h"

/* Whether the processor's instructions are used: the linker puts this in the place of
 * pb_bfloat_native. */
static bool may_be_native = true;

bool __real_pb_bfloat_native(void);
bool __wrap_pb_bfloat_native(void);

bool __wrap_pb_bfloat_native(void)
{
    return may_be_native && __real_pb_bfloat_native();
}

/* A convolution's weight as it is, rounded to bfloat16, and without signs. */
enum { AS_IT_IS, ROUNDED, MAGNITUDE, WAYS };

typedef struct conv_data {
    pb_conv2d_options o;
    weight w, b;
    bool bias;
    double treated[WAYS][sizeof((weight *)0)->data / sizeof(float)];
} conv_data;

static void make_data(conv_data *d, const pb_conv2d_options *o, bool bias)
{
    const size_t shape[4] = {o->out_channels, o->in_channels, o->kernel, o->kernel};

    d->o = *o;
    d->bias = bias;
    make_weight(&d->w, 4, shape, 0.2, 0, 1);
    make_weight(&d->b, 1, shape, 1, 0, 2);
    for (size_t i = 0; i < d->w.stored.count; i++) {
        d->treated[AS_IT_IS][i] = (double)d->w.data[i];
        d->treated[ROUNDED][i] = bfloat_of((double)d->w.data[i]);
        d->treated[MAGNITUDE][i] = fabs((double)d->w.data[i]);
    }
}

static void convolve(const conv_data *d, const pb_shape *in, pb_shape out, const double *x, int way,
                     double *y)
{
    const double *w = d->treated[way];
    size_t k = d->o.kernel, ic = d->o.in_channels;

    for (size_t p = 0; p < out.h; p++)
        for (size_t q = 0; q < out.w; q++)
            for (size_t o = 0; o < out.c; o++) {
                double sum = 0;
                for (size_t a = 0; a < k; a++)
                    for (size_t b = 0; b < k; b++) {
                        size_t r = p * d->o.stride + a - d->o.top;
                        size_t s = q * d->o.stride + b - d->o.left;
                        if (r >= in[0].h || s >= in[0].w)
                            continue; /* padding; negative ones wrap */
                        for (size_t i = 0; i < ic; i++)
                            sum +=
                                w[((o * ic + i) * k + a) * k + b] * x[(r * in[0].w + s) * ic + i];
                    }
                y[(p * out.w + q) * out.c + o] = sum;
            }
}

static void conv_reference(const void *data, const pb_shape *in, pb_shape out,
                           const double *const *x, double *y)
{
    const conv_data *d = data;

    convolve(d, in, out, x[0], AS_IT_IS, y);
    for (size_t i = 0; d->bias && i < pb_shape_size(out); i++)
        y[i] += (double)d->b.data[i % out.c];
}

static void rounded_reference(const void *data, const pb_shape *in, pb_shape out,
                              const double *const *x, double *y)
{
    convolve(data, in, out, x[0], ROUNDED, y);
}

static void magnitudes(const void *data, const pb_shape *in, pb_shape out, const double *const *x,
                       double *y)
{
    double *sizes = pb_malloc(pb_shape_size(in[0]), sizeof *sizes);

    assert_non_null(sizes);
    for (size_t i = 0; i < pb_shape_size(in[0]); i++)
        sizes[i] = fabs(x[0][i]);
    convolve(data, in, out, sizes, MAGNITUDE, y);
    pb_free(sizes);
}

/* A table in which one algorithm costs less than the others, in both directions. */
static pb_costs *make_costs(const pb_convolution_shape *shape, pb_algorithm algorithm)
{
    pb_costs *costs = pb_calloc(1, sizeof *costs);

    costs->count = 2;
    costs->costs = pb_calloc(2, sizeof *costs->costs);
    for (size_t i = 0; i < 2; i++) {
        costs->costs[i] = (pb_cost){*shape, i ? PB_CONVOLVE : PB_CONVOLVE_TRANSPOSE, {2, 2, 2}};
        costs->costs[i].seconds[algorithm] = 1;
    }
    return costs;
}

static pb_convolution_shape shape_of(const pb_conv2d_options *o, pb_shape in)
{
    return (pb_convolution_shape){
        .n = 1,
        .in_h = in.h,
        .in_w = in.w,
        .in_c = in.c,
        .out_h = (in.h + o->top + o->bottom - o->kernel) / o->stride + 1,
        .out_w = (in.w + o->left + o->right - o->kernel) / o->stride + 1,
        .out_c = o->out_channels,
        .kernel = o->kernel,
        .stride = o->stride,
        .top = o->top,
        .left = o->left,
        .bottom = o->bottom,
        .right = o->right,
    };
}

static pb_conv2d_params params_of(const conv_data *d)
{
    return (pb_conv2d_params){d->o, &d->w.stored, d->bias ? &d->b.stored : NULL};
}

/* Room is kept for whatever weights may be packed. */
static void check_room(const pb_costs *costs, pb_convolution_shape shape)
{
    for (shape.n = 1; shape.n <= 64; shape.n *= 2)
        for (pb_direction d = PB_CONVOLVE; d <= PB_CONVOLVE_TRANSPOSE; d++) {
            pb_algorithm a = pb_algorithm_choose(costs, &shape, d);
            assert_true(a == PB_DIRECT || pb_algorithm_may_suit(costs, a, &shape));
        }
}

/* By the algorithm, or -1: the choice that is built in. */
static void check_conv2d(const conv_data *data, pb_shape in, int i)
{
    const pb_conv2d_options *o = &data->o;
    const pb_convolution_shape shape = shape_of(o, in);
    op_case c = {.name = i < 0 ? "conv2d" : pb_algorithm_name((pb_algorithm)i),
                 .op = &pb_conv2d,
                 .inputs = 1,
                 .in = {in},
                 .reference = conv_reference,
                 .data = data,
                 .exact = true,
                 .rounded = rounded_reference,
                 .magnitudes = magnitudes};
    const pb_conv2d_params params = params_of(data);
    pb_cpu *cpu;

    c.params = &params;
    if (i >= 0 && !pb_algorithm_computes((pb_algorithm)i, &shape))
        return;
    MUST(pb_cpu_backend.open(&c.device, error));
    cpu = (pb_cpu *)c.device;
    if (i >= 0) {
        cpu->costs = make_costs(&shape, (pb_algorithm)i);
        assert_int_equal(pb_algorithm_choose(cpu->costs, &shape, PB_CONVOLVE), i);
    }
    check_room(cpu->costs, shape);
    check_op(&c);
    assert_int_equal(cpu->packed_bytes > 0,
                     i < 0
                         ? pb_algorithm_choose(NULL, &shape, PB_CONVOLVE) != PB_DIRECT ||
                               pb_algorithm_choose(NULL, &shape, PB_CONVOLVE_TRANSPOSE) != PB_DIRECT
                         : i != PB_DIRECT);
    pb_device_close(c.device);
}

static void check_reference(const conv_data *data, pb_shape in)
{
    const pb_conv2d_params params = params_of(data);
    const op_case c = {.name = "conv2d by its definition",
                       .op = &pb_conv2d,
                       .params = &params,
                       .inputs = 1,
                       .in = {in},
                       .reference = conv_reference,
                       .data = data,
                       .exact = true};

    check_op_on(&c, "reference");
}

/* In bfloat16, by its instructions where the processor has them, and by rounding. */
static void check_bfloat(const conv_data *data, pb_shape in)
{
    for (int native = 0; native < 2; native++) {
        op_case c = {.name = native ? "conv2d in bfloat16" : "conv2d of rounded numbers",
                     .op = &pb_conv2d,
                     .inputs = 1,
                     .in = {in},
                     .reference = conv_reference,
                     .data = data,
                     .rounded = rounded_reference,
                     .magnitudes = magnitudes};
        const pb_conv2d_params params = params_of(data);

        c.params = &params;
        may_be_native = native;
        check_op_bfloat(&c);
    }
}

static void test_conv2d(void **state)
{
    static const struct {
        pb_conv2d_options o;
        pb_shape in;
        bool bias;
    } cases[] = {
        {{16, 32, 3, 1, 1, 1, 1, 1}, {8, 8, 16}, true},
        {{3, 24, 3, 1, 1, 1, 1, 1}, {6, 10, 3}, true},  /* an image in */
        {{1, 5, 3, 1, 1, 1, 1, 1}, {7, 5, 1}, true},    /* odd sizes, one channel */
        {{24, 1, 3, 1, 1, 1, 1, 1}, {6, 6, 24}, true},  /* an image out */
        {{16, 16, 3, 2, 0, 0, 1, 1}, {8, 8, 16}, true}, /* asymmetric padding */
        {{16, 16, 3, 2, 1, 1, 1, 1}, {8, 6, 16}, true},
        {{20, 28, 3, 2, 1, 1, 1, 1}, {9, 7, 20}, false}, /* a stride that leaves a row over */
        {{16, 16, 3, 2, 0, 0, 1, 1}, {7, 9, 16}, true},  /* and one that drops one */
        {{16, 24, 3, 2, 1, 1, 1, 1}, {1, 3, 16}, true},
        {{20, 12, 1, 1, 0, 0, 0, 0}, {5, 3, 20}, true},
        {{40, 24, 1, 1, 0, 0, 0, 0}, {1, 1, 40}, false},  /* a linear layer */
        {{64, 64, 3, 1, 1, 1, 1, 1}, {16, 16, 64}, true}, /* from here on Winograd's is chosen */
        {{64, 68, 3, 1, 1, 1, 1, 1}, {13, 15, 64}, false},
        {{8, 72, 3, 1, 1, 1, 1, 1}, {52, 48, 8}, true}, /* several groups of rows */
    };
    static conv_data data;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_data(&data, &cases[i].o, cases[i].bias);
        check_reference(&data, cases[i].in);
        for (int algorithm = -1; algorithm < PB_ALGORITHMS; algorithm++)
            check_conv2d(&data, cases[i].in, algorithm);
        check_bfloat(&data, cases[i].in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv2d),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
