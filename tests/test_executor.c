/* The executor: what it keeps and what it lets go change no number. */
#include <string.h>

#include "backends/cpu/cpu.h"
#include "base/memory.h"
#include "graph/executor.h"
#include "models/model.h"
#include "networks.h"
#include "op_harness.h"

#define POINTS 5
#define VECTORS 9 /* a block, and one that is left */

static pb_executor *executor_of(const network *n, pb_value to, size_t memory)
{
    const pb_graph *graph = n->model->graph;
    pb_shape shapes[PB_GRAPH_INPUTS];
    pb_section *section;
    pb_executor *e;

    pb_model_input_shapes(n->model, n->x.shape[2], n->x.shape[3], shapes);
    MUST(pb_section_new(&section, graph, n->model->device, shapes, pb_graph_find_input(graph, "x"),
                        1, &to, error));
    MUST(pb_executor_new(&e, section, memory, error));
    return e;
}

/* Points in batches of one, by too little memory, and all at once; in both orders. */
static void test_batches(void **state)
{
    network n = open_network("unet2d-ddpm", "io");
    const pb_graph *graph = n.model->graph;
    pb_value to = pb_graph_find_tap(graph, "mid");
    size_t size = pb_tensor_count(&n.x), memory[2] = {1, (size_t)1 << 30};
    float *x = pb_malloc(POINTS * size, sizeof *x), time = 400, *out[2], *plain;
    pb_feed feeds[PB_GRAPH_INPUTS] = {{0}};
    pb_shape shape = {0};

    (void)state;
    assert_non_null(x);
    fill_random(x, POINTS * size, 1);
    feeds[pb_graph_find_input(graph, "x")] = (pb_feed){x, true};
    feeds[pb_graph_find_input(graph, "timestep")] = (pb_feed){&time, false};
    for (int k = 0; k < 2; k++) {
        pb_executor *e = executor_of(&n, to, memory[k]);
        shape = pb_executor_section(e)->shapes[to];
        out[k] = pb_malloc(POINTS * pb_shape_size(shape), sizeof(float));
        assert_non_null(out[k]);
        MUST(pb_executor_forward(e, POINTS, feeds, true, &out[k], NULL, error));
        if (k) {
            plain = pb_malloc(POINTS * pb_shape_size(shape), sizeof *plain);
            assert_non_null(plain);
            MUST(pb_executor_forward(e, POINTS, feeds, false, &plain, NULL, error));
            for (size_t j = 0; j < POINTS; j++)
                for (size_t i = 0; i < pb_shape_size(shape); i++)
                    assert_true(plain[j * pb_shape_size(shape) + i] ==
                                out[k][j * pb_shape_size(shape) + i % shape.c * shape.h * shape.w +
                                       i / shape.c]);
            pb_free(plain);
        }
        pb_executor_free(e);
    }
    assert_near("batches", out[0], out[1], POINTS * pb_shape_size(shape), 2e-6);
    pb_free(out[0]);
    pb_free(out[1]);
    pb_free(x);
    close_network(&n);
}

/* More widths, directions and precisions than plans are kept, twice: the second time gives the bits
 * of the first, with gaps between vectors and without. */
static void test_widths(void **state)
{
    enum { WIDTHS = 8 };
    network n = open_network("unet2d-ddpm", "io");
    pb_linearisation *l = linearise_network(&n, "x", "mid", 0);
    float *first[WIDTHS + 1][4] = {{0}};

    (void)state;
    for (size_t turn = 0; turn < 2; turn++)
        for (size_t k = 1; k <= WIDTHS; k++)
            for (size_t way = 0; way < 4; way++) {
                const pb_operator *op =
                    way & 2 ? pb_linearisation_operator_bf16(l) : pb_linearisation_operator(l);
                size_t in = way & 1 ? op->rows : op->cols, out = way & 1 ? op->cols : op->rows;
                size_t gap = turn ? 3 : 0;
                float *x = pb_malloc(k * (in + gap), sizeof *x);
                float *y = pb_malloc(k * (out + gap), sizeof *y);

                assert_true(x && y);
                for (size_t j = 0; j < k; j++)
                    fill_random(x + j * (in + gap), in, (unsigned)(10 * way + j));
                MUST((way & 1 ? op->apply_transpose : op->apply)(op->context, k, x, in + gap, y,
                                                                 out + gap, error));
                for (size_t j = 0; turn && j < k; j++)
                    assert_memory_equal(y + j * (out + gap), first[k][way] + j * out,
                                        out * sizeof *y);
                pb_free(x);
                if (turn) {
                    pb_free(first[k][way]);
                    pb_free(y);
                } else
                    first[k][way] = y;
            }
    pb_linearisation_free(l);
    close_network(&n);
}

/* Values of a tap, J v and J^T u, as a run of so much memory gets them: one array. */
static float *numbers(const network *n, size_t memory, size_t *count)
{
    static const char *const tap = "eps";
    const pb_run run = {.memory = memory};
    size_t size = pb_tensor_count(&n->x);
    pb_linearisation *l = linearise_network(n, "x", "mid", memory);
    const pb_operator *op = pb_linearisation_operator(l);
    float *u = pb_malloc(VECTORS * op->rows, sizeof *u), *all, *jv;
    pb_evaluator *e;

    *count = size + VECTORS * (op->rows + op->cols);
    all = pb_malloc(*count, sizeof *all);
    assert_true(u && all);
    jv = all + size;
    MUST(pb_evaluator_new(&e, n->model, n->x.shape[2], n->x.shape[3], &run, error));
    MUST(pb_evaluate(e, &n->condition, 1, size, n->x.data, 1, &tap, &all, error));
    pb_evaluator_free(e);
    fill_random(u, VECTORS * op->rows, 5);
    MUST(op->apply_transpose(op->context, VECTORS, u, op->rows, jv + VECTORS * op->rows, op->cols,
                             error));
    MUST(op->apply(op->context, VECTORS, jv + VECTORS * op->rows, op->cols, jv, op->rows, error));
    pb_linearisation_free(l);
    pb_free(u);
    return all;
}

/* What a model was used for before, with more memory or less, changes no number. */
static void test_history(void **state)
{
    static const size_t memory[] = {(size_t)64 << 10, (size_t)1 << 20, (size_t)2 << 20, 0};
    enum { LIMITS = sizeof memory / sizeof *memory };
    float *fresh[LIMITS], *used;
    size_t count;

    (void)state;
    for (size_t i = 0; i < LIMITS; i++) {
        network n = open_network("unet2d-ddpm", "io");
        fresh[i] = numbers(&n, memory[i], &count);
        close_network(&n);
    }
    for (size_t first = 0; first < LIMITS; first++) {
        network n = open_network("unet2d-ddpm", "io");
        for (size_t i = 0; i < LIMITS; i++) {
            size_t at = (first + (first % 2 ? LIMITS - i : i)) % LIMITS;
            used = numbers(&n, memory[at], &count);
            assert_memory_equal(used, fresh[at], count * sizeof *used);
            pb_free(used);
        }
        close_network(&n);
    }
    for (size_t i = 0; i < LIMITS; i++)
        pb_free(fresh[i]);
}

/* Maps of other beginnings and ends, and a passing evaluation: together they keep no more than the
 * most memory of them, in either order. */
static void test_kept(void **state)
{
    static const size_t memory[] = {(size_t)256 << 10, (size_t)2 << 20};
    static const char *const ends[][2] = {{"down.1", "up.0"}, {"x", "mid"}, {"mid", "eps"}};

    (void)state;
    for (size_t turn = 0; turn < 2; turn++) {
        network n = open_network("unet2d-ddpm", "io");
        pb_device *device = n.model->device;

        for (size_t i = 0; i < 2; i++) {
            size_t at = turn ? 1 - i : i, count;

            for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
                pb_linearisation *l = linearise_network(&n, ends[k][0], ends[k][1], memory[at]);
                const pb_operator *op = pb_linearisation_operator(l);
                float *v = pb_calloc(VECTORS * op->cols, sizeof *v);
                float *u = pb_calloc(VECTORS * op->rows, sizeof *u);

                assert_true(u && v);
                MUST(op->apply(op->context, VECTORS, v, op->cols, u, op->rows, error));
                MUST(op->apply_transpose(op->context, VECTORS, u, op->rows, v, op->cols, error));
                pb_free(u);
                pb_free(v);
                pb_linearisation_free(l);
            }
            pb_free(numbers(&n, memory[at], &count));
            assert_true(device->backend->packed_bytes(device) <= memory[turn || i]);
        }
        close_network(&n);
    }
}

static bool nothing(const pb_call *call)
{
    (void)call;
    return false;
}

static void refuse(const network *n, pb_device *device, const char *expected)
{
    const pb_graph *graph = n->model->graph;
    const pb_value to = pb_graph_find_tap(graph, "mid");
    pb_shape shapes[PB_GRAPH_INPUTS];
    pb_section *section;
    pb_error why = {0};

    pb_model_input_shapes(n->model, n->x.shape[2], n->x.shape[3], shapes);
    assert_int_equal(pb_section_new(&section, graph, device, shapes,
                                    pb_graph_find_input(graph, "x"), 1, &to, &why),
                     PB_UNSUPPORTED);
    assert_string_equal(why.message, expected);
}

/* A backend that lacks an operation, or does not compute it here. */
static void test_unsupported(void **state)
{
    network n = open_network("unet2d-ddpm", "io");
    pb_kernel attention = *pb_cpu_backend.kernels[PB_OP_ATTENTION];
    pb_backend backend = pb_cpu_backend;
    pb_device *device;

    (void)state;
    backend.name = "half";
    MUST(backend.open(&device, error));
    device->backend = &backend;
    backend.kernels[PB_OP_ATTENTION] = NULL;
    refuse(&n, device, "attention: the backend \"half\" does not compute attention");
    attention.supports = nothing;
    backend.kernels[PB_OP_ATTENTION] = &attention;
    refuse(&n, device, "attention: the backend \"half\" does not compute this attention");
    pb_device_close(device);
    close_network(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches),     cmocka_unit_test(test_widths),
        cmocka_unit_test(test_history),     cmocka_unit_test(test_kept),
        cmocka_unit_test(test_unsupported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
