/* A section of a graph: what lies between one value that varies and the values observed, at
 * fixed shapes, on one device. It says which values are needed at all, which of them vary, what
 * computes them, and where a linearisation keeps what each operation saves. */
#ifndef PB_GRAPH_SECTION_H
#define PB_GRAPH_SECTION_H

#include "backends/backend.h"
#include "graph/graph.h"

typedef struct pb_section {
    const pb_graph *graph;
    pb_device *device;
    pb_value from; /* the value that varies */
    pb_value *targets;
    size_t target_count;
    pb_shape *shapes;          /* per value, up to the last target */
    bool *needed;              /* per value: does a target depend on it? */
    bool *varies;              /* per value: does it depend on `from`, or is it `from`? */
    const pb_kernel **kernels; /* per value that is needed and no input */
    size_t *saved_at;          /* per value that varies and is needed: bytes into the saved state */
    size_t saved_bytes;
    size_t packed_limit; /* bytes of packed weights that the model may keep; SIZE_MAX at first */
    size_t count;        /* values up to the last target */
} pb_section;

/* inputs: the shapes of the graph's inputs. Errors: PB_INVALID (shapes that do not fit; a target
 * that does not depend on `from`), PB_UNSUPPORTED (an operation that the device's backend does not
 * compute), PB_MEMORY. The graph and the device must outlive it. */
pb_status pb_section_new(pb_section **out, const pb_graph *graph, pb_device *device,
                         const pb_shape *inputs, pb_value from, size_t target_count,
                         const pb_value *targets, pb_error *error);
void pb_section_free(pb_section *section);

/* Is the value computed in a linear pass? (The node `from` itself is not.) */
static inline bool pb_section_active(const pb_section *section, pb_value value)
{
    return section->needed[value] && section->varies[value];
}

#endif
