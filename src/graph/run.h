/* One run of a part of a graph, for networks that are evaluated now and then (an autoencoder, a
 * text encoder) and keep nothing in between. */
#ifndef PB_GRAPH_RUN_H
#define PB_GRAPH_RUN_H

#include "backends/backend.h"
#include "base/run.h"
#include "graph/graph.h"

/* Computes `count` values `to` on a device for n items x of the input `from`, in batches that fit
 * into the memory of the work's run. shapes: of all the graph's inputs; the values must depend on
 * no input but `from`. x and each y: n items, in C, H, W order if `chw`, else H, W, C. The work is
 * asked before each operation. Errors: PB_INVALID (shapes that do not fit), PB_MEMORY,
 * PB_CANCELLED, PB_INTERNAL, an operation's. */
pb_status pb_graph_run(const pb_graph *graph, pb_device *device, pb_value from,
                       const pb_shape *shapes, size_t n, const float *x, bool chw, size_t count,
                       const pb_value *to, float *const *y, pb_work *work, pb_error *error);

#endif
