#include "graph/run.h"

#include "base/memory.h"
#include "graph/plan.h"

#define MAX_INPUTS 8

/* n items through a plan of their own. */
static pb_status run_batch(const pb_section *section, size_t n, const float *const *in, float *y,
                           pb_error *error)
{
    pb_plan *plan;
    void *arena;
    pb_status status;

    PB_TRY(pb_plan_new(&plan, section, PB_FORWARD, n, PB_PLAN_PLAIN, error));
    arena = pb_malloc(pb_plan_arena(plan), 1);
    status = arena ? pb_plan_run(plan, arena, NULL, in, &y, error)
                   : pb_fail_memory(error, pb_plan_arena(plan), "running a network");
    pb_free(arena);
    pb_plan_free(plan);
    return status;
}

/* How many items fit into the memory. */
static pb_status batch_limit(size_t *limit, const pb_section *section, size_t memory,
                             pb_error *error)
{
    size_t arena, packed = 0;

    PB_TRY(pb_plan_estimate(&arena, &packed, section, PB_FORWARD, 1, error));
    *limit = arena && memory / arena > 1 ? memory / arena : 1;
    return PB_OK;
}

pb_status pb_graph_run(const pb_graph *graph, pb_value from, pb_value to, const pb_shape *shapes,
                       size_t n, size_t memory, const float *x, float *y, pb_error *error)
{
    const float *in[MAX_INPUTS] = {NULL};
    pb_section *section;
    size_t limit, in_size, out_size;
    pb_status status;

    if (graph->inputs > MAX_INPUTS)
        return pb_fail(error, PB_INTERNAL, "a graph of %zu inputs", graph->inputs);
    PB_TRY(pb_section_new(&section, graph, shapes, from, 1, &to, error));
    section->packed_limit = memory / 2;
    in_size = pb_shape_size(section->shapes[from]);
    out_size = pb_shape_size(section->shapes[to]);
    status = batch_limit(&limit, section, memory, error);
    for (size_t done = 0; status == PB_OK && done < n; done += limit) {
        in[from] = x + done * in_size;
        status =
            run_batch(section, n - done < limit ? n - done : limit, in, y + done * out_size, error);
    }
    pb_section_free(section);
    return status;
}
