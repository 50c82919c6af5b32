/* The tests' own comparisons: a number that is none is seen wherever it is, and the harness of
 * operations sees each fault that it is there for. */
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/cpu/cpu.h"
#include "must.h"
#include "near.h"
#include "op_harness.h"

/* -- numbers ----------------------------------------------------------------------------------- */

static void test_larger(void **state)
{
    (void)state;
    assert_true(larger(1, 2) == 2 && larger(2, 1) == 2 && larger(-INFINITY, -1) == -1);
    assert_true(isnan(larger(NAN, 1)) && isnan(larger(1, NAN)) && isnan(larger(NAN, NAN)));
}

static void test_distance(void **state)
{
    const float found[] = {1, -2.5f, 3};
    const double expected[] = {1.25, -2, 3};
    distance d = distance_of(found, expected, 3), none = distance_of(found, expected, 0);
    const float zeros[3] = {0};

    (void)state;
    assert_true(d.largest_error == 0.5 && d.largest == 3);
    assert_true(isnan(none.largest_error) && isnan(none.largest));
    assert_true(relative_error(found, (const float[]){1.25f, -2, 4}, 3) == 0.25);
    assert_true(relative_error(found, found, 3) == 0);
    assert_true(isnan(relative_error(zeros, zeros, 3)));
}

/* At each place, on either side and on both. */
static void test_not_finite(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    enum { COUNT = 5 };

    (void)state;
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < COUNT; i++)
            for (int sides = 1; sides < 4; sides++) {
                float found[COUNT] = {1, 2, 3, 4, 5}, other[COUNT] = {1, 2, 3, 4, 5};
                double expected[COUNT] = {1, 2, 3, 4, 5};
                if (sides & 1)
                    found[i] = bad[k];
                if (sides & 2)
                    expected[i] = (double)(other[i] = bad[k]);
                assert_true(isnan(relative_error(found, other, COUNT)));
                assert_true(isnan(distance_of(found, expected, COUNT).largest_error));
            }
}

static void test_bfloat_of(void **state)
{
    (void)state;
    assert_true(bfloat_of(0) == 0 && bfloat_of(-3) == -3);
    assert_true(bfloat_of(1 + 0x1p-8) == 1);                  /* ties to even: */
    assert_true(bfloat_of(1 + 3 * 0x1p-8) == 1 + 0x1p-6);     /* up too */
    assert_true(bfloat_of(-(1 + 0x1.1p-8)) == -(1 + 0x1p-7)); /* to nearest */
    assert_true(bfloat_of(2 - 0x1p-10) == 2);                 /* into the next binade */
}

/* -- an operation with faults ------------------------------------------------------------------ */

/* y = 2 x_0 + x_1, which may work in place, and keeps nothing but a number that it does not need */
enum fault {
    NONE,
    NAN_EXPECTED,
    INFINITY_EXPECTED,
    NAN_FOUND,
    WRONG_FORWARD,
    ADDS_FORWARD, /* to what nobody has written */
    OVERWRITES_FORWARD,
    WRONG_JVP,
    OVERWRITES_JVP,
    OVERWRITES_VJP,
    ALWAYS_ADDS,
    NEVER_ADDS,
    ADDS_TO_BOTH, /* or to none */
    FORGETS_TO_SAVE,
    BFLOAT_JVP,
    BFLOAT_VJP,
    TWICE_ROUNDED,
    FAULTS
};

static enum fault fault;

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)params, (void)inputs, (void)error;
    *out = in[0];
    return PB_OK;
}

static size_t saved(const pb_call *call)
{
    (void)call;
    return 1;
}

/* y = 2 x_0 + x_1. backwards: y is written before all is read. */
static void apply(const pb_call *call, bool backwards)
{
    size_t size = pb_shape_size(call->out);
    const float *first = call->x[0], *second = call->x[1];
    float *y = call->y;

    for (size_t i = 0; i < call->n * size; i++) {
        float other = second ? second[call->shared[1] ? i % size : i] : 0;
        if (backwards)
            y[i] = other;
        else
            other += first ? 2 * first[i] : 0;
        y[i] = backwards && first ? other + 2 * first[i] : other;
    }
}

static pb_status forward(const pb_call *call, pb_error *error)
{
    float *y = call->y, before = y[0];

    (void)error;
    apply(call, fault == OVERWRITES_FORWARD);
    if (fault == ADDS_FORWARD && y != call->x[0])
        y[0] += before;
    if (call->saved && !(fault == FORGETS_TO_SAVE && y == call->x[0]))
        *(float *)call->saved = 7;
    if (fault == WRONG_FORWARD)
        y[1] += 0.01f;
    if (fault == NAN_FOUND)
        y[1] = NAN;
    if (fault == TWICE_ROUNDED && call->exact)
        y[1] = nextafterf(y[1], INFINITY);
    return PB_OK;
}

static pb_status jvp(const pb_call *call, pb_error *error)
{
    (void)error;
    apply(call, fault == OVERWRITES_JVP);
    if (fault == WRONG_JVP || (fault == BFLOAT_JVP && call->bf16))
        *(float *)call->y *= 1.001f;
    return PB_OK;
}

static void add_to(const pb_call *call, size_t input, float factor)
{
    bool add = (call->add[input] || fault == ALWAYS_ADDS) && fault != NEVER_ADDS;
    const float *dy = call->dy;
    float *dx = call->dx[input];

    if (fault == ADDS_TO_BOTH)
        add = call->add[0] || call->add[1];
    if (fault == BFLOAT_VJP && call->bf16)
        factor *= 1.001f;
    for (size_t i = 0; dx && i < call->n * pb_shape_size(call->out); i++)
        dx[i] = (add ? dx[i] : 0) + factor * dy[i];
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    bool first = fault == OVERWRITES_VJP;

    (void)error;
    add_to(call, !first, first ? 2 : 1);
    add_to(call, first, first ? 1 : 2);
    return PB_OK;
}

static void reference(const void *data, const pb_shape *in, pb_shape out, const double *const *x,
                      double *y)
{
    (void)data, (void)in;
    for (size_t i = 0; i < pb_shape_size(out); i++)
        y[i] = 2 * x[0][i] + x[1][i];
    if (fault == NAN_EXPECTED)
        y[1] = NAN;
    if (fault == INFINITY_EXPECTED)
        y[1] = INFINITY;
}

static void check_faulty(void **state)
{
    static const pb_op op = {.kind = PB_OP_ADD, .name = "faulty", .shape = shape};
    static const pb_kernel kernel = {
        .in_place = true, .saved = saved, .forward = forward, .jvp = jvp, .vjp = vjp};
    pb_backend backend = pb_cpu_backend;
    op_case c = {.name = op.name,
                 .op = &op,
                 .inputs = 2,
                 .in = {{1, 2, 3}, {1, 2, 3}},
                 .reference = reference,
                 .exact = true};

    (void)state;
    backend.kernels[PB_OP_ADD] = &kernel;
    MUST(backend.open(&c.device, error));
    c.device->backend = &backend;
    check_op(&c);
    pb_device_close(c.device);
}

/* The exit status of a process whose test is that of the operation. */
static int status_of(enum fault with)
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (!child) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(check_faulty)};
        int nowhere = open("/dev/null", O_WRONLY);
        fault = with;
        dup2(nowhere, 1);
        dup2(nowhere, 2);
        _exit(cmocka_run_group_tests(tests, NULL, NULL));
    }
    assert_true(waitpid(child, &status, 0) == child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_faults(void **state)
{
    (void)state;
    assert_int_equal(status_of(NONE), 0);
    for (enum fault f = NONE + 1; f < FAULTS; f++)
        if (status_of(f) != 1)
            fail_msg("the harness does not see fault %d", (int)f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_larger),     cmocka_unit_test(test_distance),
        cmocka_unit_test(test_not_finite), cmocka_unit_test(test_bfloat_of),
        cmocka_unit_test(test_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
