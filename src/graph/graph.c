#include "graph/graph.h"

#include <string.h>

#include "base/memory.h"

pb_status pb_graph_new(pb_graph **out, pb_error *error)
{
    pb_graph *graph = pb_calloc(1, sizeof *graph);

    if (!graph)
        return pb_fail_memory(error, sizeof *graph, "a graph");
    *out = graph;
    return PB_OK;
}

void pb_graph_free(pb_graph *graph)
{
    if (!graph)
        return;
    for (size_t i = 0; i < graph->count; i++) {
        pb_free(graph->nodes[i].params);
        pb_free(graph->nodes[i].label);
    }
    pb_free(graph->nodes);
    pb_free(graph->taps);
    pb_free(graph);
}

/* Makes room for one more item of `size` bytes in a growing array. */
static pb_status reserve(void **items, size_t count, size_t *room, size_t size, pb_error *error)
{
    size_t wanted = *room ? 2 * *room : 64;
    void *bigger;

    if (count < *room)
        return PB_OK;
    bigger = pb_malloc(wanted, size);
    if (!bigger)
        return pb_fail_memory(error, wanted * size, "a graph");
    if (count)
        memcpy(bigger, *items, count * size);
    pb_free(*items);
    *items = bigger;
    *room = wanted;
    return PB_OK;
}

static pb_status append(pb_graph *graph, pb_node node, const char *label, pb_value *value,
                        pb_error *error)
{
    void *nodes = graph->nodes;

    PB_TRY(reserve(&nodes, graph->count, &graph->room, sizeof node, error));
    graph->nodes = nodes;
    node.label = pb_strdup(label);
    if (!node.label)
        return pb_fail_memory(error, strlen(label) + 1, "a label");
    graph->nodes[graph->count] = node;
    *value = (pb_value)graph->count++;
    return PB_OK;
}

pb_status pb_graph_input(pb_graph *graph, const char *name, pb_shape shape, bool many,
                         pb_value *value, pb_error *error)
{
    PB_TRY(append(graph, (pb_node){.shape = shape, .many = many}, name, value, error));
    graph->inputs++;
    return PB_OK;
}

pb_value pb_graph_find_input(const pb_graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->inputs; i++)
        if (!strcmp(graph->nodes[i].label, name))
            return (pb_value)i;
    return -1;
}

pb_status pb_graph_add(pb_graph *graph, const pb_op *op, const void *params, const char *label,
                       size_t inputs, const pb_value *input, pb_value *value, pb_error *error)
{
    pb_node node = {.op = op, .inputs = inputs};
    pb_status status;

    for (size_t i = 0; i < inputs; i++)
        for (size_t k = 0; k < i; k++)
            if (input[i] == input[k])
                return pb_fail(error, PB_INTERNAL, "%s: one value given twice", label);
    memcpy(node.input, input, inputs * sizeof *input);
    if (op->params_size) {
        node.params = pb_malloc(op->params_size, 1);
        if (!node.params)
            return pb_fail_memory(error, op->params_size, label);
        memcpy(node.params, params, op->params_size);
    }
    status = append(graph, node, label, value, error);
    if (status != PB_OK)
        pb_free(node.params);
    return status;
}

pb_status pb_graph_add_tap(pb_graph *graph, const char *name, pb_value value, pb_error *error)
{
    pb_tap tap = {.value = value};
    void *taps = graph->taps;

    PB_TRY(reserve(&taps, graph->tap_count, &graph->tap_room, sizeof tap, error));
    graph->taps = taps;
    strncpy(tap.name, name, sizeof tap.name - 1);
    graph->taps[graph->tap_count++] = tap;
    return PB_OK;
}

pb_value pb_graph_find_tap(const pb_graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->tap_count; i++)
        if (strcmp(graph->taps[i].name, name) == 0)
            return graph->taps[i].value;
    return -1;
}

pb_status pb_graph_shapes(const pb_graph *graph, pb_value last, pb_shape *shapes, pb_error *error)
{
    for (size_t i = graph->inputs; i <= (size_t)last; i++) {
        const pb_node *node = &graph->nodes[i];
        pb_shape in[PB_OP_MAX_INPUTS];
        pb_status status;

        for (size_t k = 0; k < node->inputs; k++)
            in[k] = shapes[node->input[k]];
        status = node->op->shape(node->params, node->inputs, in, &shapes[i], error);
        if (status != PB_OK)
            return pb_fail_in(error, status, "%s", node->label);
    }
    return PB_OK;
}
