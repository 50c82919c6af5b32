/* Every operation through the harness, at sizes that exercise its strips, tiles and edges. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "op_harness.h"

static pb_error error;

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != PB_OK)                                                                       \
            fail_msg("%s", error.message);                                                         \
    } while (0)

/* A weight in memory, as if it lay in a file. */
typedef struct weight {
    pb_stored stored;
    float data[50000];
} weight;

static void make_weight(weight *w, size_t rank, const size_t *shape, double scale, double shift,
                        unsigned seed)
{
    w->stored = (pb_stored){.name = "w",
                            .file = "f",
                            .dtype = PB_F32,
                            .dtype_name = "F32",
                            .rank = rank,
                            .count = 1,
                            .data = w->data};
    for (size_t i = 0; i < rank; i++)
        w->stored.count *= w->stored.shape[i] = shape[i];
    assert_true(w->stored.count <= sizeof w->data / sizeof *w->data);
    w->stored.bytes = w->stored.count * sizeof(float);
    fill_random(w->data, w->stored.count, seed);
    for (size_t i = 0; i < w->stored.count; i++)
        w->data[i] = (float)(scale * (double)w->data[i] + shift);
}

static double activate(pb_activation activation, double z)
{
    switch (activation) {
    case PB_ACT_SILU:
        return z / (1 + exp(-z));
    case PB_ACT_MISH:
        return z * tanh(log1p(exp(z)));
    case PB_ACT_GELU:
        return z * 0.5 * erfc(-z / sqrt(2));
    case PB_ACT_RELU:
        return z > 0 ? z : 0;
    case PB_ACT_QUICK_GELU:
        return z / (1 + exp(-1.702 * z));
    case PB_ACT_NONE:
        break;
    }
    return z;
}

/* -- conv2d ---------------------------------------------------------------------------------- */

typedef struct conv_data {
    pb_conv2d_options o;
    weight *w, *b;
} conv_data;

static void conv_reference(const void *data, const pb_shape *in, pb_shape out,
                           const double *const *x, double *y)
{
    const conv_data *d = data;
    size_t k = d->o.kernel, ic = d->o.in_channels;

    for (size_t p = 0; p < out.h; p++)
        for (size_t q = 0; q < out.w; q++)
            for (size_t o = 0; o < out.c; o++) {
                double sum = d->b ? (double)d->b->data[o] : 0;
                for (size_t a = 0; a < k; a++)
                    for (size_t b = 0; b < k; b++) {
                        size_t r = p * d->o.stride + a - d->o.top;
                        size_t s = q * d->o.stride + b - d->o.left;
                        if (r >= in[0].h || s >= in[0].w)
                            continue; /* padding; negative ones wrap */
                        for (size_t i = 0; i < ic; i++)
                            sum += (double)d->w->data[((o * ic + i) * k + a) * k + b] *
                                   x[0][(r * in[0].w + s) * ic + i];
                    }
                y[(p * out.w + q) * out.c + o] = sum;
            }
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

static void check_conv2d(const conv_data *data, pb_shape in)
{
    const pb_conv2d_options *o = &data->o;
    const pb_convolution_shape shape = {
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

    for (int i = -1; i < PB_ALGORITHMS; i++) { /* -1: the choice that is built in */
        op_case c = {.name = i < 0 ? "conv2d" : pb_algorithm_name((pb_algorithm)i),
                     .op = &pb_conv2d,
                     .inputs = 1,
                     .in = {in},
                     .reference = conv_reference,
                     .data = data};
        pb_convolver *convolver;

        if (i >= 0 && !pb_algorithm_computes((pb_algorithm)i, &shape))
            continue;
        MUST(pb_convolver_new(&convolver, &error));
        if (i >= 0) {
            convolver->costs = make_costs(&shape, (pb_algorithm)i);
            assert_int_equal(pb_algorithm_choose(convolver->costs, &shape, PB_CONVOLVE), i);
        }
        MUST(pb_conv2d_new(&c.params, convolver, o, &data->w->stored,
                           data->b ? &data->b->stored : NULL, &error));
        check_op(&c);
        assert_int_equal(convolver->packed_bytes > 0,
                         i < 0 ? pb_algorithm_choose(NULL, &shape, PB_CONVOLVE) != PB_DIRECT ||
                                     pb_algorithm_choose(NULL, &shape, PB_CONVOLVE_TRANSPOSE) !=
                                         PB_DIRECT
                               : i != PB_DIRECT);
        pb_convolver_free(convolver);
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
    static weight w, b;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const pb_conv2d_options *o = &cases[i].o;
        const size_t shape[4] = {o->out_channels, o->in_channels, o->kernel, o->kernel};
        conv_data data = {*o, &w, cases[i].bias ? &b : NULL};
        make_weight(&w, 4, shape, 0.2, 0, 1);
        make_weight(&b, 1, shape, 1, 0, 2);
        check_conv2d(&data, cases[i].in);
    }
}

/* -- group_norm ------------------------------------------------------------------------------ */

typedef struct norm_data {
    size_t groups;
    double eps;
    pb_activation activation;
    weight *gamma, *beta;
    bool modulated;
} norm_data;

static void norm_reference(const void *data, const pb_shape *in, pb_shape out,
                           const double *const *x, double *y)
{
    const norm_data *d = data;
    size_t c = out.c, rows = out.h * out.w, group = c / d->groups;

    (void)in;
    for (size_t g = 0; g < c; g += group) {
        double mean = 0, variance = 0, m = (double)(rows * group);
        for (size_t r = 0; r < rows; r++)
            for (size_t i = g; i < g + group; i++)
                mean += x[0][r * c + i] / m;
        for (size_t r = 0; r < rows; r++)
            for (size_t i = g; i < g + group; i++)
                variance += (x[0][r * c + i] - mean) * (x[0][r * c + i] - mean) / m;
        for (size_t r = 0; r < rows; r++)
            for (size_t i = g; i < g + group; i++) {
                double z = (x[0][r * c + i] - mean) / sqrt(variance + d->eps);
                z = (double)d->gamma->data[i] * z + (double)d->beta->data[i];
                if (d->modulated)
                    z = z * (1 + x[1][i]) + x[1][c + i];
                y[r * c + i] = activate(d->activation, z);
            }
    }
}

static void test_group_norm(void **state)
{
    static const struct {
        pb_shape in;
        size_t groups;
        pb_activation activation;
        bool modulated;
    } cases[] = {
        {{5, 7, 32}, 8, PB_ACT_SILU, false},
        {{72, 72, 8}, 4, PB_ACT_SILU, false}, /* several chunks of positions */
        {{4, 4, 96}, 32, PB_ACT_SILU, true},  /* groups of 3: strips of 63 channels */
        {{4, 4, 200}, 2, PB_ACT_SILU, false}, /* groups wider than a strip */
        {{3, 3, 160}, 1, PB_ACT_MISH, true},
        {{4, 4, 30}, 10, PB_ACT_GELU, false},
        {{4, 4, 64}, 32, PB_ACT_NONE, false},
    };
    static weight gamma, beta;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t channels = cases[i].in.c;
        norm_data data = {cases[i].groups, 1e-5,  cases[i].activation,
                          &gamma,          &beta, cases[i].modulated};
        op_case c = {.name = "group_norm",
                     .op = &pb_group_norm,
                     .inputs = cases[i].modulated ? 2 : 1,
                     .in = {cases[i].in, {1, 1, 2 * channels}},
                     .constant = {false, true},
                     .reference = norm_reference,
                     .data = &data};

        make_weight(&gamma, 1, &channels, 0.3, 1, 3);
        make_weight(&beta, 1, &channels, 0.3, 0, 4);
        MUST(pb_group_norm_new(&c.params, channels, data.groups, data.eps, data.activation,
                               &gamma.stored, &beta.stored, &error));
        check_op(&c);
    }
}

/* A mean far from zero must not spoil the variance. */
static void test_group_norm_offset(void **state)
{
    static weight gamma, beta;
    const size_t channels = 8, rows = 64;
    norm_data data = {2, 1e-5, PB_ACT_NONE, &gamma, &beta, false};
    pb_call call = {.n = 1, .inputs = 1, .in = {{8, 8, 8}}, .out = {8, 8, 8}};
    float x[8 * 64], y[8 * 64];
    double in[8 * 64], expected[8 * 64];
    const double *ins[1] = {in};
    void *params;

    (void)state;
    make_weight(&gamma, 1, &channels, 0, 1, 3);
    make_weight(&beta, 1, &channels, 0, 0, 4);
    fill_random(x, channels * rows, 9);
    for (size_t i = 0; i < channels * rows; i++)
        in[i] = (double)(x[i] += 1000);
    norm_reference(&data, call.in, call.out, ins, expected);
    MUST(pb_group_norm_new(&params, channels, 2, 1e-5, PB_ACT_NONE, &gamma.stored, &beta.stored,
                           &error));
    call.params = params;
    call.x[0] = x;
    call.y = y;
    MUST(pb_group_norm.forward(&call, &error));
    for (size_t i = 0; i < channels * rows; i++)
        assert_true(fabs((double)y[i] - expected[i]) < 1e-5);
    pb_group_norm.free(params);
}

/* -- activations ----------------------------------------------------------------------------- */

static void activate_reference(const void *data, const pb_shape *in, pb_shape out,
                               const double *const *x, double *y)
{
    (void)in;
    for (size_t i = 0; i < pb_shape_size(out); i++)
        y[i] = activate(*(const pb_activation *)data, x[0][i]);
}

static void test_activate(void **state)
{
    (void)state;
    for (pb_activation a = PB_ACT_SILU; a <= PB_ACT_QUICK_GELU; a++) {
        op_case c = {.name = "activate",
                     .op = &pb_activate,
                     .inputs = 1,
                     .in = {{9, 31, 11}},
                     .reference = activate_reference,
                     .data = &a,
                     .scale = 4};
        MUST(pb_activate_new(&c.params, a, &error));
        check_op(&c);
    }
}

/* Far from zero, where exponentials overflow, and at the kink of relu. */
static void test_activation_extremes(void **state)
{
    static const float points[] = {-1000, -100, -88, -20, -1, 0, 1, 20, 88, 100, 1000};

    (void)state;
    for (pb_activation a = PB_ACT_SILU; a <= PB_ACT_RELU; a++)
        for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
            float y = points[i], slope = -1;
            double expected = points[i] < -700 ? 0 : activate(a, (double)points[i]);
            if (points[i] > 700)
                expected = (double)points[i];
            pb_activation_apply(a, 1, &y, &slope);
            assert_true(fabs((double)y - expected) <= 2e-6 * (1 + fabs(expected)));
            assert_true(isfinite(slope) && slope > -0.2f && slope < 1.2f);
        }
}

/* -- sums, channels, sizes ------------------------------------------------------------------- */

static void add_reference(const void *data, const pb_shape *in, pb_shape out,
                          const double *const *x, double *y)
{
    (void)in;
    for (size_t i = 0; i < pb_shape_size(out); i++)
        y[i] = (x[0][i] + x[1][i]) * *(const double *)data;
}

static void test_add(void **state)
{
    const double scales[] = {1, 0.75};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        op_case c = {.name = "add",
                     .op = &pb_add,
                     .inputs = 2,
                     .in = {{9, 31, 11}, {9, 31, 11}},
                     .reference = add_reference,
                     .data = &scales[i]};
        MUST(pb_add_new(&c.params, scales[i], &error));
        check_op(&c);
    }
}

static void add_vector_reference(const void *data, const pb_shape *in, pb_shape out,
                                 const double *const *x, double *y)
{
    (void)data, (void)in;
    for (size_t i = 0; i < pb_shape_size(out); i++)
        y[i] = x[0][i] + x[1][i % out.c];
}

static void test_add_vector(void **state)
{
    op_case c = {.name = "add_vector",
                 .op = &pb_add_vector,
                 .inputs = 2,
                 .in = {{5, 3, 20}, {1, 1, 20}},
                 .reference = add_vector_reference};

    (void)state;
    check_op(&c);
}

static void affine_reference(const void *data, const pb_shape *in, pb_shape out,
                             const double *const *x, double *y)
{
    (void)data, (void)in;
    for (size_t i = 0; i < pb_shape_size(out); i++)
        y[i] = 2 * x[0][i] - 1;
}

static void test_affine(void **state)
{
    op_case c = {.name = "affine",
                 .op = &pb_affine,
                 .inputs = 1,
                 .in = {{5, 3, 20}},
                 .reference = affine_reference};

    (void)state;
    MUST(pb_affine_new(&c.params, 2, -1, &error));
    check_op(&c);
}

static void concat_reference(const void *data, const pb_shape *in, pb_shape out,
                             const double *const *x, double *y)
{
    (void)data;
    for (size_t r = 0; r < out.h * out.w; r++)
        for (size_t i = 0; i < out.c; i++)
            y[r * out.c + i] =
                i < in[0].c ? x[0][r * in[0].c + i] : x[1][r * in[1].c + i - in[0].c];
}

static void test_concat(void **state)
{
    op_case c = {.name = "concat",
                 .op = &pb_concat,
                 .inputs = 2,
                 .in = {{5, 3, 7}, {5, 3, 12}},
                 .reference = concat_reference};

    (void)state;
    check_op(&c);
}

static void slice_reference(const void *data, const pb_shape *in, pb_shape out,
                            const double *const *x, double *y)
{
    (void)data;
    for (size_t r = 0; r < out.h * out.w; r++)
        for (size_t i = 0; i < out.c; i++)
            y[r * out.c + i] = x[0][r * in[0].c + i];
}

static void test_slice(void **state)
{
    op_case c = {.name = "slice",
                 .op = &pb_slice,
                 .inputs = 1,
                 .in = {{5, 3, 6}},
                 .reference = slice_reference};

    (void)state;
    MUST(pb_slice_new(&c.params, 3, &error));
    check_op(&c);
}

static void avg_pool_reference(const void *data, const pb_shape *in, pb_shape out,
                               const double *const *x, double *y)
{
    (void)data;
    for (size_t p = 0; p < out.h; p++)
        for (size_t q = 0; q < out.w; q++)
            for (size_t i = 0; i < out.c; i++) {
                double sum = 0;
                for (size_t a = 0; a < 4; a++)
                    sum += x[0][((2 * p + a / 2) * in[0].w + 2 * q + a % 2) * out.c + i];
                y[(p * out.w + q) * out.c + i] = sum / 4;
            }
}

static void test_avg_pool(void **state)
{
    static const pb_shape shapes[] = {{6, 4, 9}, {7, 5, 3}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        op_case c = {.name = "avg_pool",
                     .op = &pb_avg_pool,
                     .inputs = 1,
                     .in = {shapes[i]},
                     .reference = avg_pool_reference};
        check_op(&c);
    }
}

static void upsample_reference(const void *data, const pb_shape *in, pb_shape out,
                               const double *const *x, double *y)
{
    (void)data;
    for (size_t a = 0; a < out.h; a++)
        for (size_t b = 0; b < out.w; b++)
            for (size_t i = 0; i < out.c; i++)
                y[(a * out.w + b) * out.c + i] = x[0][((a / 2) * in[0].w + b / 2) * out.c + i];
}

static void test_upsample(void **state)
{
    op_case c = {.name = "upsample",
                 .op = &pb_upsample,
                 .inputs = 1,
                 .in = {{3, 5, 9}},
                 .reference = upsample_reference};

    (void)state;
    check_op(&c);
}

/* floor(a in / out), exactly: float32 is as good as that at these sizes. */
static void upsample_to_reference(const void *data, const pb_shape *in, pb_shape out,
                                  const double *const *x, double *y)
{
    (void)data;
    for (size_t a = 0; a < out.h; a++)
        for (size_t b = 0; b < out.w; b++) {
            size_t p = a * in[0].h / out.h, q = b * in[0].w / out.w;
            for (size_t i = 0; i < out.c; i++)
                y[(a * out.w + b) * out.c + i] = x[0][(p * in[0].w + q) * out.c + i];
        }
}

static void test_upsample_to(void **state)
{
    static const pb_shape shapes[][2] = {
        {{3, 5, 9}, {6, 10, 4}}, /* doubled */
        {{3, 5, 9}, {5, 9, 1}},  /* what a padding of one halves to 3 x 5 */
        {{3, 5, 9}, {7, 11, 9}}, /* what a padding at the end only does */
        {{4, 1, 3}, {7, 2, 3}},  {{1, 1, 2}, {1, 1, 2}}, {{4, 6, 5}, {11, 6, 5}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        op_case c = {.name = "upsample_to",
                     .op = &pb_upsample_to,
                     .inputs = 2,
                     .in = {shapes[i][0], shapes[i][1]},
                     .reference = upsample_to_reference};
        check_op(&c);
    }
}

/* The same bits as pb_upsample where every position becomes 2 x 2, also in sums. */
static void test_upsample_bits(void **state)
{
    enum { C = 5, SMALL = 3 * 7 * C, LARGE = 4 * SMALL };
    float x[SMALL], y[2][LARGE], dy[LARGE], dx[2][SMALL];
    pb_call call = {.n = 1, .in = {{3, 7, C}, {6, 14, 1}}, .out = {6, 14, C}, .x = {x}, .dy = dy};
    const pb_op *const ops[] = {&pb_upsample, &pb_upsample_to};

    (void)state;
    fill_random(x, SMALL, 1);
    fill_random(dy, LARGE, 2);
    for (size_t i = 0; i < 2; i++) {
        call.inputs = i + 1;
        call.y = y[i];
        call.dx[0] = dx[i];
        MUST(ops[i]->forward(&call, &error));
        MUST(ops[i]->vjp(&call, &error));
    }
    assert_memory_equal(y[0], y[1], sizeof *y);
    assert_memory_equal(dx[0], dx[1], sizeof *dx);
}

/* Rounded as F.interpolate of PyTorch rounds: of 26 positions enlarged to 44, number 22 shows
 * number 12, though 22 * 26 / 44 is 13. */
static void test_upsample_rounding(void **state)
{
    float x[26], y[44];
    const pb_call call = {
        .n = 1, .inputs = 2, .in = {{26, 1, 1}, {44, 1, 1}}, .out = {44, 1, 1}, .x = {x}, .y = y};

    (void)state;
    for (size_t i = 0; i < 26; i++)
        x[i] = (float)i;
    MUST(pb_upsample_to.forward(&call, &error));
    assert_int_equal((int)y[21], 12);
    assert_int_equal((int)y[22], 12);
    assert_int_equal((int)y[23], 13);
    assert_int_equal((int)y[43], 25);
}

/* -- attention ------------------------------------------------------------------------------- */

typedef struct attention_data {
    pb_shape q, kv;
    size_t heads;
    bool causal;
} attention_data;

static void attention_reference(const void *data, const pb_shape *in, pb_shape out,
                                const double *const *x, double *y)
{
    const attention_data *a = data;
    size_t heads = a->heads, c = out.c, d = c / heads;
    size_t n = in[0].h * in[0].w, m = in[1].h * in[1].w;
    double *p = pb_malloc(m, sizeof *p);

    assert_non_null(p);
    for (size_t h = 0; h < heads; h++)
        for (size_t r = 0; r < n; r++) {
            double top = -INFINITY, sum = 0;
            for (size_t s = 0; s < m; s++) {
                if (a->causal && s > r) {
                    p[s] = -INFINITY;
                    continue;
                }
                p[s] = 0;
                for (size_t i = h * d; i < (h + 1) * d; i++)
                    p[s] += x[0][r * c + i] * x[1][s * c + i] / sqrt((double)d);
                top = fmax(top, p[s]);
            }
            for (size_t s = 0; s < m; s++)
                sum += p[s] = exp(p[s] - top);
            for (size_t i = h * d; i < (h + 1) * d; i++) {
                y[r * c + i] = 0;
                for (size_t s = 0; s < m; s++)
                    y[r * c + i] += p[s] / sum * x[2][s * c + i];
            }
        }
    pb_free(p);
}

static void test_attention(void **state)
{
    static const attention_data cases[] = {
        {{8, 8, 16}, {8, 8, 16}, 1, false},
        {{10, 9, 24}, {10, 9, 24}, 3, false},  /* a tile that is not full */
        {{5, 5, 16}, {1, 77, 16}, 2, false},   /* cross-attention */
        {{33, 33, 4}, {1, 1000, 4}, 1, false}, /* too large for P to be kept */
        {{77, 1, 16}, {77, 1, 16}, 2, true},   /* text */
        {{1030, 1, 4}, {1030, 1, 4}, 1, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        op_case c = {.name = "attention",
                     .op = &pb_attention,
                     .inputs = 3,
                     .in = {cases[i].q, cases[i].kv, cases[i].kv},
                     .reference = attention_reference,
                     .data = &cases[i]};
        MUST(pb_attention_new(&c.params, cases[i].heads, cases[i].causal, &error));
        check_op(&c);
    }
}

/* -- embeddings ------------------------------------------------------------------------------ */

static void test_time_embedding(void **state)
{
    const float time = 421.5f;
    float y[7];
    pb_call call = {.n = 1, .inputs = 1, .in = {{1, 1, 1}}, .out = {1, 1, 7}, .x = {&time}, .y = y};
    void *params;

    (void)state;
    for (int flip = 0; flip < 2; flip++) {
        MUST(pb_time_embedding_new(&params, 7, flip, 1, &error));
        call.params = params;
        MUST(pb_time_embedding.forward(&call, &error));
        for (size_t i = 0; i < 3; i++) {
            double angle = (double)time * exp(-log(10000) * (double)i / (3 - 1));
            assert_true(fabs((double)y[flip ? 3 + i : i] - sin(angle)) < 1e-4);
            assert_true(fabs((double)y[flip ? i : 3 + i] - cos(angle)) < 1e-4);
        }
        assert_true(y[6] == 0.0f); /* an odd width is padded */
        pb_free(params);
    }
}

static void test_lookup(void **state)
{
    static weight table;
    const size_t shape[2] = {5, 3};
    float index[2] = {4, 1}, y[6];
    pb_call call = {.n = 1, .inputs = 1, .in = {{2, 1, 1}}, .out = {2, 1, 3}, .x = {index}, .y = y};
    void *params;

    (void)state;
    make_weight(&table, 2, shape, 1, 0, 5);
    MUST(pb_lookup_new(&params, 5, 3, &table.stored, &error));
    call.params = params;
    MUST(pb_lookup.forward(&call, &error));
    assert_memory_equal(y, table.data + 12, 3 * sizeof *y);
    assert_memory_equal(y + 3, table.data + 3, 3 * sizeof *y);
    index[1] = 5;
    assert_int_equal(pb_lookup.forward(&call, &error), PB_INVALID);
    assert_non_null(strstr(error.message, "w: row 5: expected 0 to 4"));
    index[1] = NAN;
    assert_int_equal(pb_lookup.forward(&call, &error), PB_INVALID);
    pb_free(params);
}

static void add_table_reference(const void *data, const pb_shape *in, pb_shape out,
                                const double *const *x, double *y)
{
    const weight *table = data;

    (void)in;
    for (size_t i = 0; i < pb_shape_size(out); i++)
        y[i] = x[0][i] + (double)table->data[i];
}

static void test_add_table(void **state)
{
    static weight table;
    const size_t shape[2] = {9, 5};
    op_case c = {.name = "add_table",
                 .op = &pb_add_table,
                 .inputs = 1,
                 .in = {{7, 1, 5}},
                 .reference = add_table_reference,
                 .data = &table};

    (void)state;
    make_weight(&table, 2, shape, 1, 0, 6);
    MUST(pb_add_table_new(&c.params, 9, 5, &table.stored, &error));
    check_op(&c);
}

/* -- transformers ---------------------------------------------------------------------------- */

typedef struct layer_norm_data {
    weight gamma, beta;
} layer_norm_data;

static void layer_norm_reference(const void *data, const pb_shape *in, pb_shape out,
                                 const double *const *x, double *y)
{
    const layer_norm_data *d = data;
    size_t c = out.c;

    (void)in;
    for (size_t r = 0; r < out.h * out.w; r++) {
        double mean = 0, squares = 0;
        for (size_t i = 0; i < c; i++)
            mean += x[0][r * c + i] / (double)c;
        for (size_t i = 0; i < c; i++)
            squares += pow(x[0][r * c + i] - mean, 2) / (double)c;
        for (size_t i = 0; i < c; i++)
            y[r * c + i] =
                (x[0][r * c + i] - mean) / sqrt(squares + 1e-5) * (double)d->gamma.data[i] +
                (double)d->beta.data[i];
    }
}

static void test_layer_norm(void **state)
{
    static layer_norm_data data;
    static const pb_shape shapes[] = {{7, 5, 24}, {1, 1, 3}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        op_case c = {.name = "layer_norm",
                     .op = &pb_layer_norm,
                     .inputs = 1,
                     .in = {shapes[i]},
                     .reference = layer_norm_reference,
                     .data = &data};
        make_weight(&data.gamma, 1, &shapes[i].c, 0.5, 1, 7);
        make_weight(&data.beta, 1, &shapes[i].c, 1, 0, 8);
        MUST(pb_layer_norm_new(&c.params, shapes[i].c, 1e-5, &data.gamma.stored, &data.beta.stored,
                               &error));
        check_op(&c);
    }
}

static void gate_reference(const void *data, const pb_shape *in, pb_shape out,
                           const double *const *x, double *y)
{
    size_t c = out.c;

    (void)data, (void)in;
    for (size_t r = 0; r < out.h * out.w; r++)
        for (size_t i = 0; i < c; i++)
            y[r * c + i] = x[0][r * 2 * c + i] * activate(PB_ACT_GELU, x[0][r * 2 * c + c + i]);
}

static void test_gate(void **state)
{
    op_case c = {.name = "gate",
                 .op = &pb_gate,
                 .inputs = 1,
                 .in = {{5, 3, 26}},
                 .reference = gate_reference};

    (void)state;
    check_op(&c);
}

/* -- shapes that do not fit ------------------------------------------------------------------ */

static void test_bad_shapes(void **state)
{
    static const pb_shape small = {1, 4, 8}, big = {4, 4, 8}, other = {4, 4, 7};
    const struct {
        const pb_op *op;
        size_t inputs;
        pb_shape in[3];
    } cases[] = {
        {&pb_add, 2, {big, other}},         {&pb_add_vector, 2, {big, {1, 1, 7}}},
        {&pb_concat, 2, {big, small}},      {&pb_avg_pool, 1, {small}},
        {&pb_add_vector, 2, {big, big}},    {&pb_gate, 1, {other}},
        {&pb_upsample_to, 2, {big, small}},
    };
    size_t heads = 3;
    const pb_shape qkv[3] = {big, big, big};
    pb_shape out;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(cases[i].op->shape(NULL, cases[i].inputs, cases[i].in, &out, &error),
                         PB_INVALID);
    assert_int_equal(pb_attention.shape(&heads, 3, qkv, &out, &error), PB_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv2d),
        cmocka_unit_test(test_group_norm),
        cmocka_unit_test(test_group_norm_offset),
        cmocka_unit_test(test_activate),
        cmocka_unit_test(test_activation_extremes),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_add_vector),
        cmocka_unit_test(test_affine),
        cmocka_unit_test(test_concat),
        cmocka_unit_test(test_slice),
        cmocka_unit_test(test_avg_pool),
        cmocka_unit_test(test_upsample),
        cmocka_unit_test(test_upsample_to),
        cmocka_unit_test(test_upsample_bits),
        cmocka_unit_test(test_upsample_rounding),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_time_embedding),
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_add_table),
        cmocka_unit_test(test_layer_norm),
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_bad_shapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
