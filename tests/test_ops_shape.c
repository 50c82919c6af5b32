/* Operations that change a shape, and shapes that do not fit. */
#include <string.h>

#include "backends/cpu/cpu.h"
#include "must.h"
#include "op_harness.h"

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
                 .reference = slice_reference,
                 .params = &(pb_slice_params){3}};

    (void)state;
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
        MUST(pb_cpu_backend.kernels[ops[i]->kind]->forward(&call, error));
        MUST(pb_cpu_backend.kernels[ops[i]->kind]->vjp(&call, error));
    }
    assert_memory_equal(y[0], y[1], sizeof *y);
    assert_memory_equal(dx[0], dx[1], sizeof *dx);
}

/* Rounded as F.interpolate of PyTorch rounds: of 26 positions enlarged to 44, number 22 shows
 * number 12, though 22 * 26 / 44 is 13. */
static void test_upsample_rounding(void **state)
{
    float x[26], y[44];
    const op_case c = {.name = "upsample_to",
                       .op = &pb_upsample_to,
                       .inputs = 2,
                       .in = {{26, 1, 1}, {44, 1, 1}}};

    (void)state;
    for (size_t i = 0; i < 26; i++)
        x[i] = (float)i;
    MUST(forward_op(&c, (const float *const[]){x, NULL}, y, error));
    assert_int_equal((int)y[21], 12);
    assert_int_equal((int)y[22], 12);
    assert_int_equal((int)y[23], 13);
    assert_int_equal((int)y[43], 25);
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
    const pb_attention_params heads = {3, false};
    const pb_shape qkv[3] = {big, big, big};
    pb_shape out;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(cases[i].op->shape(NULL, cases[i].inputs, cases[i].in, &out, NULL),
                         PB_INVALID);
    assert_int_equal(pb_attention.shape(&heads, 3, qkv, &out, NULL), PB_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_concat),
        cmocka_unit_test(test_slice),
        cmocka_unit_test(test_avg_pool),
        cmocka_unit_test(test_upsample),
        cmocka_unit_test(test_upsample_to),
        cmocka_unit_test(test_upsample_bits),
        cmocka_unit_test(test_upsample_rounding),
        cmocka_unit_test(test_bad_shapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
