/* What a benchmark counts: allocations, memory and applications stay where they are. */
#include <limits.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pullback/pullback.h>

#include "base/memory.h"
#include "inject.h"
#include "near.h"
#include "op_harness.h"

#define FACES PB_SOURCE_DIR "/models/faces32"
#define SIDE 32
#define BLOCK 8
#define PADDED 1.03 /* what oneDNN may pad weights by */

static pb_error error;

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != PB_OK)                                                                       \
            fail_msg("%s", error.message);                                                         \
    } while (0)

static pb_model *model;
static float image[SIDE * SIDE];

static int open_model(void **state)
{
    (void)state;
    omp_set_num_threads(2); /* scratch is for each */
    fill_random(image, SIDE * SIDE, 1);
    return pb_model_open(&model, FACES, &error) == PB_OK ? 0 : -1;
}

static int close_model(void **state)
{
    (void)state;
    pb_model_free(model);
    return 0;
}

static pb_linearisation *linearise(size_t memory)
{
    pb_map_options map = PB_MAP_DEFAULTS;
    const pb_tensor x = {.rank = 3, .shape = {1, SIDE, SIDE}, .data = image};
    pb_linearisation *l;

    map.condition.timestep = 600;
    MUST(pb_linearise(&l, model, &map, &x, &(pb_run){.memory = memory}, &error));
    return l;
}

/* A jvp and a vjp of k vectors. */
static void apply(const pb_operator *op, size_t k, float *x, float *y)
{
    assert_int_equal(op->apply(op->context, k, x, op->cols, y, op->rows, NULL), PB_OK);
    assert_int_equal(op->apply_transpose(op->context, k, y, op->rows, x, op->cols, NULL), PB_OK);
}

static void test_allocations(void **state)
{
    pb_linearisation *l = linearise(0);
    const pb_operator *ops[] = {pb_linearisation_operator(l), pb_linearisation_operator_bf16(l)};
    size_t rows = ops[0]->rows, cols = ops[0]->cols;
    float *x = pb_malloc(BLOCK * cols, sizeof *x), *y = pb_malloc(BLOCK * rows, sizeof *y);

    (void)state;
    assert_true(x && y);
    for (size_t i = 0; i < 2; i++) {
        fill_random(x, BLOCK * cols, 2);
        apply(ops[i], BLOCK, x, y); /* makes the plans */
        inject_arm(INJECT_MEMORY, ULONG_MAX);
        apply(ops[i], BLOCK, x, y);
        assert_int_equal(inject_calls(), 0);
        inject_disarm();
    }
    pb_free(x);
    pb_free(y);
    pb_linearisation_free(l);
}

/* The model as nobody has used it yet: what it keeps is counted. */
static void reopen(void)
{
    pb_model_free(model);
    MUST(pb_model_open(&model, FACES, &error));
}

static pb_map_memory estimate(size_t memory)
{
    pb_map_options map = PB_MAP_DEFAULTS;
    pb_map_memory m;

    map.condition.timestep = 600;
    MUST(pb_map_estimate(&m, model, &map, SIDE, SIDE, &(pb_run){.memory = memory}, &error));
    return m;
}

/* The estimate is made of the same shapes as the thing itself. */
static void test_memory(void **state)
{
    pb_map_memory before, after;
    pb_linearisation *l;
    pb_svd_options o = PB_SVD_DEFAULTS;
    pb_svd *svd;

    (void)state;
    reopen();
    before = estimate(0);
    l = linearise(0);
    o.rank = 50;
    o.tolerance = 1e-3;
    MUST(pb_svd_compute(&svd, pb_linearisation_operator(l), &o, NULL, &error));
    pb_linearisation_memory(l, &after);
    print_message("%zu applications; bytes: saved %zu, arena %zu, packed %zu; expected %zu, %zu, "
                  "%zu\n",
                  svd->applications, after.saved_bytes, after.arena_bytes, after.packed_bytes,
                  before.saved_bytes, before.arena_bytes, before.packed_bytes);
    assert_int_equal(svd->converged, 50);
    assert_true(svd->applications <= 300);
    assert_int_equal(before.block, BLOCK);
    assert_int_equal(after.block, BLOCK);
    assert_int_equal(before.saved_bytes, after.saved_bytes);
    assert_true(after.saved_bytes <= 2500000);
    assert_true(after.arena_bytes <= 9000000 && before.arena_bytes <= after.arena_bytes);
    assert_true((double)after.packed_bytes <= PADDED * (double)before.packed_bytes);
    assert_true((double)before.packed_bytes / (double)after.packed_bytes < 1.3);
    pb_svd_free(svd);
    pb_linearisation_free(l);
}

static size_t total(const pb_map_memory *m)
{
    return m->saved_bytes + m->arena_bytes + m->packed_bytes;
}

/* Under any limit, the second time as the first: what is held is at most what was estimated (of the
 * arena oneDNN's scratch is not known before), and within the limit where the estimate is. */
static void test_estimates(void **state)
{
    static const size_t memory[] = {16 << 10, 1 << 20, 16 << 20, 24 << 20, 64 << 20, 0};
    float *x = pb_malloc(BLOCK * SIDE * SIDE, sizeof *x), *y = NULL;

    (void)state;
    assert_non_null(x);
    fill_random(x, BLOCK * SIDE * SIDE, 4);
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) {
        pb_map_memory first;
        reopen();
        first = estimate(memory[i]);
        for (int turn = 0; turn < 2; turn++) {
            pb_map_memory again = estimate(memory[i]), held;
            pb_linearisation *l = linearise(memory[i]);
            const pb_operator *op = pb_linearisation_operator(l);

            assert_memory_equal(&again, &first, sizeof first);
            y = y ? y : pb_malloc(BLOCK * op->rows, sizeof *y);
            assert_non_null(y);
            for (size_t k = 1; k <= first.block; k++)
                apply(op, k, x, y);
            pb_linearisation_memory(l, &held);
            assert_int_equal(held.block, first.block);
            assert_int_equal(held.saved_bytes, first.saved_bytes);
            assert_true((double)held.packed_bytes <= PADDED * (double)first.packed_bytes);
            if (memory[i]) {
                assert_true(held.packed_bytes <= memory[i]);
                held.arena_bytes = first.arena_bytes;
                assert_true(total(&first) > memory[i] ||
                            (double)total(&held) <= PADDED * (double)memory[i]);
            }
            pb_linearisation_free(l);
        }
    }
    pb_free(x);
    pb_free(y);
}

/* With little memory the weights are not packed for Winograd's algorithm; the Jacobian stays. */
static void test_little_memory(void **state)
{
    pb_linearisation *much = linearise(0), *little;
    pb_map_memory with, without;
    pb_model *other = model, *fresh;
    size_t rows, cols;
    float *x, *y[2];
    double off;

    (void)state;
    MUST(pb_model_open(&fresh, FACES, &error));
    model = fresh;
    little = linearise(4000000);
    model = other;
    rows = pb_linearisation_operator(much)->rows;
    cols = pb_linearisation_operator(much)->cols;
    x = pb_malloc(BLOCK * cols, sizeof *x);
    for (size_t i = 0; i < 2; i++) {
        const pb_operator *op = pb_linearisation_operator(i ? little : much);
        y[i] = pb_malloc(BLOCK * rows, sizeof *y[i]);
        fill_random(x, BLOCK * cols, 3);
        apply(op, BLOCK, x, y[i]);
    }
    pb_linearisation_memory(much, &with);
    pb_linearisation_memory(little, &without);
    assert_true(without.packed_bytes < with.packed_bytes);
    assert_true(without.block < with.block);
    off = relative_error(y[1], y[0], BLOCK * rows);
    print_message("off by %.1e of the largest entry\n", off);
    assert_true(off <= 1e-5);
    pb_free(x);
    pb_free(y[0]);
    pb_free(y[1]);
    pb_linearisation_free(much);
    pb_linearisation_free(little);
    pb_model_free(fresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_estimates),
        cmocka_unit_test(test_little_memory),
    };

    return cmocka_run_group_tests(tests, open_model, close_model);
}
