/* A backend that queues: nothing is computed before `sync`. Whatever a plan's run comes to, the
 * device is done with its memory when it returns. */
#include <string.h>

#include "backends/reference/reference.h"
#include "base/memory.h"
#include "graph/executor.h"
#include "models/model.h"
#include "networks.h"
#include "op_harness.h"

#define JOBS 32
#define TAP "down.0"
#define NONE SIZE_MAX

/* What is to be done: an upload, or a program. */
typedef struct job {
    const pb_program *program; /* NULL: an upload */
    pb_memory *memory, *saved;
    size_t offset, count;
    const float *from;
} job;

/* A device of the reference's that does it later. */
typedef struct queue {
    pb_device device;
    job jobs[JOBS];
    size_t count;
    size_t uploads, bad_upload; /* the upload that fails */
    bool bad_sync;
} queue;

static void add(queue *q, const job *j)
{
    assert_true(q->count < JOBS);
    q->jobs[q->count++] = *j;
}

static pb_status upload(pb_device *device, pb_memory *memory, size_t offset, const float *from,
                        size_t count, pb_error *error)
{
    queue *q = (queue *)device;

    if (q->uploads++ == q->bad_upload)
        return pb_fail(error, PB_IO, "no upload");
    add(q, &(job){.memory = memory, .offset = offset, .from = from, .count = count});
    return PB_OK;
}

static pb_status download(pb_device *device, float *to, const pb_memory *memory, size_t offset,
                          size_t count, pb_error *error)
{
    assert_int_equal(((queue *)device)->count, 0);
    return pb_reference_backend.download(device, to, memory, offset, count, error);
}

static void release(pb_device *device, pb_memory *memory)
{
    assert_int_equal(((queue *)device)->count, 0);
    pb_reference_backend.free(device, memory);
}

/* Asks when all is queued. */
static pb_status run(pb_device *device, const pb_program *program, pb_memory *arena,
                     pb_memory *saved, const pb_stop *stop, pb_error *error)
{
    add((queue *)device, &(job){.program = program, .memory = arena, .saved = saved});
    return pb_stop_check(stop, error);
}

static pb_status sync(pb_device *device, pb_error *error)
{
    queue *q = (queue *)device;
    const pb_backend *by = &pb_reference_backend;

    for (size_t i = 0; i < q->count; i++) {
        const job *j = &q->jobs[i];
        PB_TRY(j->program ? by->run(device, j->program, j->memory, j->saved, NULL, error)
                          : by->upload(device, j->memory, j->offset, j->from, j->count, error));
    }
    q->count = 0;
    return q->bad_sync ? pb_fail(error, PB_NUMERIC, "no sync") : PB_OK;
}

/* -- a network on it --------------------------------------------------------------------------- */

typedef struct world {
    network n;
    pb_backend backend;
    queue queue;
    pb_executor *executor[2]; /* by the reference; by the queue */
    pb_feed feeds[PB_GRAPH_INPUTS];
    float time;
    size_t in, out;      /* numbers of a vector */
    float *value[2];     /* the tap's */
    float *forth, *back; /* vectors at either end */
} world;

static pb_executor *executor_of(const network *n, pb_device *device)
{
    const pb_graph *graph = n->model->graph;
    const pb_value to = pb_graph_find_tap(graph, TAP);
    pb_shape shapes[PB_GRAPH_INPUTS];
    pb_section *section;
    pb_executor *e;

    pb_model_input_shapes(n->model, n->x.shape[2], n->x.shape[3], shapes);
    MUST(pb_section_new(&section, graph, device, shapes, pb_graph_find_input(graph, "x"), 1, &to,
                        error));
    MUST(pb_executor_new(&e, section, (size_t)1 << 30, error));
    return e;
}

static void open_world(world *w, pb_device **reference)
{
    const pb_graph *graph;
    const pb_section *s;

    *w = (world){.n = open_network("unet2d-ddpm", "io"),
                 .backend = pb_reference_backend,
                 .queue = {.bad_upload = NONE},
                 .time = 400};
    w->backend.upload = upload;
    w->backend.download = download;
    w->backend.free = release;
    w->backend.run = run;
    w->backend.sync = sync;
    w->queue.device.backend = &w->backend;
    MUST(pb_reference_backend.open(reference, error));
    w->executor[0] = executor_of(&w->n, *reference);
    w->executor[1] = executor_of(&w->n, &w->queue.device);
    graph = w->n.model->graph;
    w->feeds[pb_graph_find_input(graph, "x")] = (pb_feed){w->n.x.data, true};
    w->feeds[pb_graph_find_input(graph, "timestep")] = (pb_feed){&w->time, false};
    s = pb_executor_section(w->executor[0]);
    w->in = pb_shape_size(s->shapes[s->from]);
    w->out = pb_shape_size(s->shapes[s->targets[0]]);
    for (size_t i = 0; i < 2; i++)
        w->value[i] = pb_malloc(w->out, sizeof *w->value[i]);
    w->forth = pb_malloc(w->out, sizeof *w->forth);
    w->back = pb_malloc(w->in, sizeof *w->back);
    assert_true(w->value[0] && w->value[1] && w->forth && w->back);
}

static void close_world(world *w, pb_device *reference)
{
    for (size_t i = 0; i < 2; i++) {
        pb_executor_free(w->executor[i]);
        pb_free(w->value[i]);
    }
    pb_free(w->forth);
    pb_free(w->back);
    pb_device_close(reference);
    close_network(&w->n);
}

static pb_status evaluate(world *w, size_t i, const pb_stop *stop, pb_error *error)
{
    return pb_executor_forward(w->executor[i], 1, w->feeds, true, &w->value[i], stop, error);
}

/* -- what it must come to ---------------------------------------------------------------------- */

static void test_numbers(void **state)
{
    float *x, *y[2], *z[2];
    pb_device *reference;
    world w;

    (void)state;
    open_world(&w, &reference);
    x = pb_malloc(w.in, sizeof *x);
    assert_non_null(x);
    fill_random(x, w.in, 1);
    for (size_t i = 0; i < 2; i++) {
        pb_executor *e = w.executor[i];
        y[i] = pb_malloc(w.out, sizeof *y[i]);
        z[i] = pb_malloc(w.in, sizeof *z[i]);
        assert_true(y[i] && z[i]);
        MUST(evaluate(&w, i, NULL, error));
        MUST(pb_executor_linearise(e, w.feeds, w.forth, NULL, error));
        MUST(pb_executor_apply(e, PB_JVP, PB_PLAN_PLAIN, 1, x, w.in, y[i], w.out, NULL, error));
        MUST(pb_executor_apply(e, PB_VJP, PB_PLAN_PLAIN, 1, y[i], w.out, z[i], w.in, NULL, error));
    }
    assert_memory_equal(w.value[0], w.value[1], w.out * sizeof(float));
    assert_memory_equal(y[0], y[1], w.out * sizeof(float));
    assert_memory_equal(z[0], z[1], w.in * sizeof(float));
    for (size_t i = 0; i < 2; i++) {
        pb_free(y[i]);
        pb_free(z[i]);
    }
    pb_free(x);
    close_world(&w, reference);
}

static void expect(world *w, const pb_stop *stop, pb_status status, const char *message)
{
    pb_error why = {0};

    w->queue.uploads = 0;
    assert_int_equal(evaluate(w, 1, stop, &why), status);
    assert_string_equal(why.message, message);
    assert_int_equal(w->queue.count, 0);
}

static int always(void *context)
{
    (void)context;
    return 1;
}

/* Stopped, or failed on the way in: what was queued by then is done, and the first failure told. */
static void test_failures(void **state)
{
    const pb_stop stop = {.asked = always};
    pb_device *reference;
    size_t uploads;
    world w;

    (void)state;
    open_world(&w, &reference);
    MUST(evaluate(&w, 1, NULL, error));
    uploads = w.queue.uploads;
    assert_true(uploads > 1);
    for (int bad = 0; bad < 2; bad++) {
        w.queue.bad_sync = bad;
        expect(&w, &stop, PB_CANCELLED, "cancelled");
        for (w.queue.bad_upload = 0; w.queue.bad_upload < uploads; w.queue.bad_upload++)
            expect(&w, NULL, PB_IO, "no upload");
        w.queue.bad_upload = NONE;
    }
    expect(&w, NULL, PB_NUMERIC, "no sync");
    close_world(&w, reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_failures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
