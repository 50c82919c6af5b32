/* Operations on one number after the other: activations, sums. */
#include <math.h>

#include "backends/cpu/activation.h"
#include "must.h"
#include "op_harness.h"
#include "op_parts.h"

/* -- activations ----------------------------------------------------------------------------- */

static void activate_reference(const void *data, const pb_shape *in, pb_shape out,
                               const double *const *x, double *y)
{
    (void)in;
    for (size_t i = 0; i < pb_shape_size(out); i++)
        y[i] = activated(*(const pb_activation *)data, x[0][i]);
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
                     .scale = 4,
                     .params = &(pb_activate_params){a}};
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
            double expected = points[i] < -700 ? 0 : activated(a, (double)points[i]);
            if (points[i] > 700)
                expected = (double)points[i];
            pb_activation_apply(a, 1, &y, &slope);
            assert_true(fabs((double)y - expected) <= 2e-6 * (1 + fabs(expected)));
            assert_true(isfinite(slope) && slope > -0.2f && slope < 1.2f);
        }
}

static void gate_reference(const void *data, const pb_shape *in, pb_shape out,
                           const double *const *x, double *y)
{
    size_t c = out.c;

    (void)data, (void)in;
    for (size_t r = 0; r < out.h * out.w; r++)
        for (size_t i = 0; i < c; i++)
            y[r * c + i] = x[0][r * 2 * c + i] * activated(PB_ACT_GELU, x[0][r * 2 * c + c + i]);
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

/* -- sums ------------------------------------------------------------------------------------- */

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
                     .data = &scales[i],
                     .params = &(pb_add_params){scales[i]}};
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
                 .reference = affine_reference,
                 .params = &(pb_affine_params){2, -1}};

    (void)state;
    check_op(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activate),   cmocka_unit_test(test_activation_extremes),
        cmocka_unit_test(test_gate),       cmocka_unit_test(test_add),
        cmocka_unit_test(test_add_vector), cmocka_unit_test(test_affine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
