/* A graph of operations. Nodes are added in the order of computation, so that every node's
 * inputs come before it; a node and the value it computes share one number. A graph knows
 * channels but not sizes: shapes follow from the size of the inputs (see section.h).
 *
 * A graph is immutable once built and may be shared by threads. */
#ifndef PB_GRAPH_GRAPH_H
#define PB_GRAPH_GRAPH_H

#include "ops/op.h"

typedef int pb_value; /* the number of a node; negative: none */

typedef struct pb_node {
    const pb_op *op; /* NULL: an input of the graph */
    void *params;    /* owned by the graph; NULL: none */
    size_t inputs;
    pb_value input[PB_OP_MAX_INPUTS];
    char *label;    /* the name of the input; of an operation, for messages, that of the layer */
    pb_shape shape; /* of an input: as a model of its kind has it */
    bool many;      /* of an input: it may have another number of positions */
} pb_node;

/* A named value. */
typedef struct pb_tap {
    char name[16];
    pb_value value;
} pb_tap;

typedef struct pb_graph {
    pb_node *nodes;
    size_t count, room;
    size_t inputs; /* the first nodes are the graph's inputs */
    pb_tap *taps;  /* in the order of computation */
    size_t tap_count, tap_room;
} pb_graph;

/* Errors: PB_MEMORY. */
pb_status pb_graph_new(pb_graph **out, pb_error *error);
void pb_graph_free(pb_graph *graph);

/* Adds an input; all inputs come before all operations. Errors: PB_MEMORY. */
pb_status pb_graph_input(pb_graph *graph, const char *name, pb_shape shape, bool many,
                         pb_value *value, pb_error *error);

/* The input of that name, or -1. */
pb_value pb_graph_find_input(const pb_graph *graph, const char *name);

/* Adds an operation on `inputs` distinct values (a vjp writes the cotangent of each once). Copies
 * the parameters, op->params_size bytes. Errors: PB_MEMORY, PB_INTERNAL (a value given twice). */
pb_status pb_graph_add(pb_graph *graph, const pb_op *op, const void *params, const char *label,
                       size_t inputs, const pb_value *input, pb_value *value, pb_error *error);

/* Names a value. Errors: PB_MEMORY. */
pb_status pb_graph_add_tap(pb_graph *graph, const char *name, pb_value value, pb_error *error);

/* The value of that name, or -1. */
pb_value pb_graph_find_tap(const pb_graph *graph, const char *name);

/* Computes the shapes of all values up to `last` from those of the inputs: shapes[0 … inputs-1]
 * are given. Errors: PB_INVALID (the label, and what does not fit). */
pb_status pb_graph_shapes(const pb_graph *graph, pb_value last, pb_shape *shapes, pb_error *error);

/* How many of a node's inputs are read: the first ones. The rest give it their shape only, so that
 * it neither needs nor varies with them. */
static inline size_t pb_node_reads(const pb_node *node)
{
    return node->op ? node->inputs - node->op->unread : 0;
}

#endif
