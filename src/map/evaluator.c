#include "map/evaluator.h"

#include <string.h>

#include "base/memory.h"
#include "base/run.h"
#include "base/shape.h"
#include "map/inputs.h"
#include "map/tap.h"

#define MAX_TAPS 64

/* Executors kept for reuse: a few sets of taps, contexts of a few lengths. */
#define KEPT 4

/* What computes some taps for inputs of some shapes. */
typedef struct kept {
    pb_executor *executor;
    pb_shape shapes[PB_GRAPH_INPUTS];
    size_t count;
    pb_value values[MAX_TAPS];
    size_t used; /* when it was last used */
} kept;

struct pb_evaluator {
    const pb_model *model;
    size_t height, width;
    pb_run run;
    size_t clock;
    kept kept[KEPT];
};

pb_status pb_evaluator_new(pb_evaluator **out, const pb_model *model, size_t height, size_t width,
                           const pb_run *run, pb_error *error)
{
    pb_evaluator *e;
    pb_run taken;

    PB_OUT(out, "the evaluator");
    PB_NEED(model, "a model");
    PB_TRY(pb_run_take(&taken, run, error));
    PB_TRY(pb_model_check_size(model, height, width, error));
    e = pb_calloc(1, sizeof *e);
    if (!e)
        return pb_fail_memory(error, sizeof *e, "an evaluator");
    e->model = model;
    e->height = height;
    e->width = width;
    e->run = taken;
    *out = e;
    return PB_OK;
}

void pb_evaluator_free(pb_evaluator *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < KEPT; i++)
        pb_executor_free(e->kept[i].executor);
    pb_free(e);
}

const pb_model *pb_evaluator_model(const pb_evaluator *e)
{
    return e->model;
}

size_t pb_evaluator_image(const pb_evaluator *e)
{
    return e->model->facts.in_channels * e->height * e->width;
}

/* -- executors ------------------------------------------------------------------------------- */

static pb_status make(pb_executor **out, const pb_evaluator *e, const pb_shape *shapes,
                      size_t count, const pb_value *values, pb_error *error)
{
    const pb_graph *graph = e->model->graph;
    pb_section *section;

    PB_TRY(pb_section_new(&section, graph, e->model->device, shapes,
                          pb_graph_find_input(graph, "x"), count, values, error));
    return pb_executor_new(out, section, e->run.memory, error);
}

/* The executor for these values and inputs of these shapes: kept from before, or made in the place
 * of the one that was not used for longest. */
static pb_status get(pb_executor **out, pb_evaluator *e, const pb_inputs *inputs, size_t count,
                     const pb_value *values, pb_error *error)
{
    kept *oldest = &e->kept[0];

    for (size_t i = 0; i < KEPT; i++) {
        kept *k = &e->kept[i];
        if (k->executor && k->count == count &&
            !memcmp(k->shapes, inputs->shapes, sizeof k->shapes) &&
            !memcmp(k->values, values, count * sizeof *values)) {
            k->used = ++e->clock;
            *out = k->executor;
            return PB_OK;
        }
        if (k->used < oldest->used)
            oldest = k;
    }
    pb_executor_free(oldest->executor);
    *oldest = (kept){0};
    PB_TRY(make(&oldest->executor, e, inputs->shapes, count, values, error));
    oldest->count = count;
    memcpy(oldest->shapes, inputs->shapes, sizeof oldest->shapes);
    memcpy(oldest->values, values, count * sizeof *values);
    oldest->used = ++e->clock;
    *out = oldest->executor;
    return PB_OK;
}

/* -- evaluation ------------------------------------------------------------------------------ */

pb_status pb_evaluate_under(pb_evaluator *e, const pb_run *run, const pb_condition *condition,
                            size_t n, size_t size, const float *x, size_t count,
                            const char *const *taps, float *const *out, pb_error *error)
{
    pb_tap_use uses[MAX_TAPS];
    pb_value values[MAX_TAPS];
    pb_executor *executor;
    pb_inputs inputs;
    pb_status status;
    pb_work work;
    pb_stop stop;

    PB_NEED(e, "an evaluator");
    PB_NEED(condition, "a condition");

    if (count > MAX_TAPS)
        return pb_fail(error, PB_INVALID, "%zu taps at once: at most %d", count, MAX_TAPS);
    if (count == 0 || n == 0)
        return PB_OK;
    PB_NEED(x, "points");
    PB_NEED(taps, "taps");
    PB_NEED(out, "room for the taps' values");
    PB_TRY(pb_size_check(size, pb_evaluator_image(e), "points", error));
    PB_TRY(pb_count_check(n, size, 1, "points", error));
    PB_TRY(pb_finite_check(n * size, x, "points", error));
    PB_TRY(pb_condition_check(e->model, condition, error));
    PB_TRY(pb_condition_check_tensors(e->model, condition, false, error));
    for (size_t i = 0; i < count; i++) {
        PB_NEED(out[i], "room for every tap's values");
        PB_TRY(pb_tap_find(&uses[i], e->model, taps[i], condition->timestep, error));
        values[i] = uses[i].value;
    }
    PB_TRY(pb_inputs_fill(&inputs, e->model, condition, e->height, e->width, x, error));
    PB_TRY(get(&executor, e, &inputs, count, values, error));
    PB_TRY(pb_work_begin(&work, run, "evaluating", 0, error));
    stop = pb_work_stop(&work);
    status = pb_executor_forward(executor, n, inputs.feeds, true, out, &stop, error);
    pb_work_end(&work);
    for (size_t i = 0; status == PB_OK && i < count; i++) {
        pb_shape shape = pb_executor_section(executor)->shapes[values[i]];
        pb_tap_apply(&uses[i], n * pb_shape_size(shape), x, out[i]);
    }
    return status;
}

pb_status pb_evaluate(pb_evaluator *e, const pb_condition *condition, size_t n, size_t size,
                      const float *x, size_t count, const char *const *taps, float *const *out,
                      pb_error *error)
{
    return pb_evaluate_under(e, e ? &e->run : NULL, condition, n, size, x, count, taps, out, error);
}
