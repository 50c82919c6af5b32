/* The operator in bfloat16 against the one in float32, on every architecture: within what map.h
 * says, and no nearer than rounded numbers are; by the processor's instructions, where it has them,
 * and by rounding. */
#include <math.h>
#include <string.h>

#include "backends/cpu/bfloat.h"
#include "base/memory.h"
#include "networks.h"
#include "op_harness.h"

#define MOST 2e-2 /* map.h */
#define LEAST 1e-4
#define VECTORS 3

/* The linker puts this in the place of pb_bfloat_native. */
static bool may_be_native = true;

bool __real_pb_bfloat_native(void);
bool __wrap_pb_bfloat_native(void);

bool __wrap_pb_bfloat_native(void)
{
    return may_be_native && __real_pb_bfloat_native();
}

/* -- rounding ---------------------------------------------------------------------------------- */

static void test_rounding(void **state)
{
    enum { COUNT = 3000 };
    static float x[COUNT], rounded[COUNT];
    static uint16_t packed[COUNT];

    (void)state;
    fill_random(x, COUNT, 1);
    for (int i = 0; i < 512; i++) /* ties, and what is next to them */
        x[i] = (float)ldexp(1 + i / 256.0 + (i % 3 - 1) * 0x1p-20, i % 64 - 32);
    x[512] = 0x1.fep127f; /* the largest there is */
    x[513] = 0;
    x[514] = INFINITY;
    x[515] = -INFINITY;
    pb_bfloat_round(COUNT, x, rounded);
    pb_bfloat_pack(COUNT, x, packed);
    for (size_t i = 0; i < COUNT; i++) {
        uint32_t bits = (uint32_t)packed[i] << 16;
        float unpacked;
        memcpy(&unpacked, &bits, sizeof unpacked);
        assert_true(rounded[i] == unpacked);
        assert_true((double)rounded[i] == (isinf(x[i]) ? (double)x[i] : bfloat_of((double)x[i])));
    }
}

/* None of them becomes infinity, which is what is left of some when half of their bits go. */
static void test_rounded_nan(void **state)
{
    const uint32_t bits[] = {0x7FC00000, 0xFFFFFFFF, 0x7F800001, 0xFF80FFFF};
    float x[4], rounded[4];
    uint16_t packed[4];

    (void)state;
    memcpy(x, bits, sizeof x);
    pb_bfloat_round(4, x, rounded);
    pb_bfloat_pack(4, x, packed);
    for (size_t i = 0; i < 4; i++) {
        assert_true(isnan(rounded[i]));
        assert_true((packed[i] & 0x7F80) == 0x7F80 && (packed[i] & 0x7F));
    }
}

/* -- operators --------------------------------------------------------------------------------- */

static double off(const float *found, const float *expected, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += pow((double)found[i] - (double)expected[i], 2);
    return sqrt(sum / inner(expected, expected, count));
}

/* k vectors of either pass; returns the error of the worst. */
static double compare(const char *what, const pb_linearisation *l, bool transpose, const float *x,
                      float *exact)
{
    const pb_operator *op = pb_linearisation_operator(l), *rough;
    size_t in = transpose ? op->rows : op->cols, out = transpose ? op->cols : op->rows;
    float *y = pb_malloc(VECTORS * out, sizeof *y);
    double worst = 0;

    assert_non_null(y);
    rough = pb_linearisation_operator_bf16(l);
    assert_true(rough->rows == op->rows && rough->cols == op->cols);
    assert_int_equal((transpose ? op->apply_transpose : op->apply)(op->context, VECTORS, x, in,
                                                                   exact, out, NULL),
                     0);
    assert_int_equal((transpose ? rough->apply_transpose : rough->apply)(rough->context, VECTORS, x,
                                                                         in, y, out, NULL),
                     0);
    for (size_t j = 0; j < VECTORS; j++) {
        double error = off(y + j * out, exact + j * out, out);
        if (!(error >= LEAST && error <= MOST))
            fail_msg("%s, %s, vector %zu: off by %.3g", what, transpose ? "vjp" : "jvp", j, error);
        worst = larger(worst, error);
    }
    pb_free(y);
    return worst;
}

/* Random vectors, and those that they become by J^T J, where the leading directions prevail. */
static double check_map(const network *n, const char *what, const char *to)
{
    pb_linearisation *l = linearise_network(n, "x", to, 0);
    const pb_operator *op = pb_linearisation_operator(l);
    float *x = pb_malloc(VECTORS * op->cols, sizeof *x), *y = pb_malloc(VECTORS * op->rows, 4);
    double worst = 0;

    assert_true(x && y);
    fill_random(x, VECTORS * op->cols, 3);
    for (int times = 0; times < 2; times++) {
        worst = larger(worst, compare(what, l, false, x, y));
        worst = larger(worst, compare(what, l, true, y, x));
    }
    pb_free(x);
    pb_free(y);
    pb_linearisation_free(l);
    return worst;
}

/* x -> mid, and where it does not take long x -> eps. */
static void check_network(network n, const char *name, bool quick)
{
    static const char *const taps[] = {"mid", "eps"};

    for (size_t k = 0; k < (quick ? 2 : 1); k++) {
        char what[128];
        double worst;
        snprintf(what, sizeof what, "%s, x -> %s, %s", name, taps[k],
                 pb_bfloat_native() ? "native" : "rounded");
        if (pb_model_tap_shape(n.model, taps[k], n.x.shape[2], n.x.shape[3], (size_t[3]){0},
                               NULL) != PB_OK)
            continue; /* one variant has no mid block */
        worst = check_map(&n, what, taps[k]);
        print_message("%s: off by up to %.2g\n", what, worst);
    }
    close_network(&n);
}

static void check_all(bool native)
{
    static const char *const folders[][2] = {
        {"unet2d-ddpm", "io"},       {"unet2d-modern", "io"},    {"unet2d-cond-sd1", "io"},
        {"unet2d-cond-sd2", "io"},   {"unet2d-cond-sd1", "odd"}, {"unet2d-cond-sd2", "odd"},
        {"variants/classes", "io"},  {"variants/cross", "io"},   {"variants/heads", "io"},
        {"variants/odd", "io"},      {"variants/plain", "io"},   {"variants/resnet", "io"},
        {"variants/variance", "io"},
    };

    may_be_native = native;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        check_network(open_network(folders[i][0], folders[i][1]), folders[i][0], true);
    check_network(open_anywhere(PB_SOURCE_DIR "/models/faces32"), "faces32", false);
}

static void test_native(void **state)
{
    (void)state;
    if (!pb_bf16_is_native("cpu"))
        skip();
    check_all(true);
}

static void test_rounded(void **state)
{
    (void)state;
    check_all(false);
    assert_int_equal(pb_bf16_is_native("cpu"), 0);
    may_be_native = true;
}

/* Whether it is faster is asked of the backend, not of the processor. */
static void test_backends(void **state)
{
    (void)state;
    may_be_native = true;
    assert_int_equal(pb_bf16_is_native(NULL), pb_bfloat_native());
    assert_int_equal(pb_bf16_is_native("cpu"), pb_bfloat_native());
    assert_int_equal(pb_bf16_is_native("reference"), 0);
    assert_int_equal(pb_bf16_is_native("no such"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounding), cmocka_unit_test(test_rounded_nan),
        cmocka_unit_test(test_backends), cmocka_unit_test(test_native),
        cmocka_unit_test(test_rounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
