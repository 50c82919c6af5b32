#include "graph/run.h"

#include "graph/executor.h"

pb_status pb_graph_run(const pb_graph *graph, pb_device *device, pb_value from,
                       const pb_shape *shapes, size_t n, const float *x, bool chw, size_t count,
                       const pb_value *to, float *const *y, pb_work *work, pb_error *error)
{
    const pb_stop stop = pb_work_stop(work);
    pb_feed feeds[PB_GRAPH_INPUTS] = {{0}};
    pb_executor *executor;
    pb_section *section;
    pb_status status;

    PB_TRY(pb_section_new(&section, graph, device, shapes, from, count, to, error));
    PB_TRY(pb_executor_new(&executor, section, work->run.memory, error));
    feeds[from] = (pb_feed){x, chw};
    status = pb_executor_forward(executor, n, feeds, chw, y, &stop, error);
    pb_executor_free(executor);
    return status;
}
