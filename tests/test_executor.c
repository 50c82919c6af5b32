/* The executor: what it keeps and what it lets go change no number. */
#include <string.h>

#include "backends/cpu/cpu.h"
#include "base/memory.h"
#include "graph/executor.h"
#include "models/model.h"
#include "networks.h"
#include "op_harness.h"

#define POINTS 5

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
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_unsupported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
