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
    size_t *reserved_at; /* per value: bytes reserved for packed weights in the graph up to it, */
    size_t reserved;     /* and in all of the graph */
    size_t memory;       /* of the run; SIZE_MAX at first */
    size_t count;        /* values up to the last target */
} pb_section;

/* inputs: the shapes of the graph's inputs. Errors: PB_INVALID (shapes that do not fit; a target
 * that does not depend on `from`), PB_UNSUPPORTED (an operation that the device's backend does not
 * compute), PB_MEMORY. The graph and the device must outlive it. */
pb_status pb_section_new(pb_section **out, const pb_graph *graph, pb_device *device,
                         const pb_shape *inputs, pb_value from, size_t target_count,
                         const pb_value *targets, pb_error *error);
void pb_section_free(pb_section *section);

/* -- room for weights --------------------------------------------------------------------------
 *
 * Weights in layouts that change last bits (a kernel's `reserved`) may take half of the memory.
 * They are given it in the order of the graph, by all operations whether the section has them or
 * not, up to the first that does not fit. Those in other layouts may take the rest, and what the
 * graph does not need of the half. So whether there is room, and by it every number, follows from
 * graph and memory, not from what other sections of the device keep; and all of them together keep
 * no more than the one of the most memory may. */

/* Has the value's operation room for the weights that it reserves? */
bool pb_section_packs(const pb_section *section, pb_value value);

/* Bytes that weights in other layouts may take. */
size_t pb_section_spare(const pb_section *section);

/* Bytes of weights that linear passes of 1 … n vectors read in layouts of their own, at most. */
size_t pb_section_packed(const pb_section *section, size_t n);

/* Is the value computed in a linear pass? (The node `from` itself is not.) */
static inline bool pb_section_active(const pb_section *section, pb_value value)
{
    return section->needed[value] && section->varies[value];
}

#endif
