#include "map/inputs.h"

#include <string.h>

#include "base/likeness.h"
#include "base/shape.h"

void pb_condition_init(pb_condition *condition)
{
    if (condition)
        *condition = PB_CONDITION_DEFAULTS;
}

pb_status pb_condition_check(const pb_model *model, const pb_condition *condition, pb_error *error)
{
    double last = (double)pb_schedule_length(pb_model_schedule(model)) - 1;

    if (!(condition->timestep >= 0 && condition->timestep <= last))
        return pb_fail(error, PB_INVALID, "timestep %g: expected 0 to %g", condition->timestep,
                       last);
    return pb_model_check_class(model, condition->class_label, error);
}

/* Of a tensor that has been checked: (positions, numbers) or (1, positions, numbers). */
static pb_shape shape_of(const pb_tensor *tensor)
{
    const size_t *last = tensor->shape + tensor->rank - 2;

    return (pb_shape){last[0], 1, last[1]};
}

static const pb_input *find_given(const pb_condition *condition, const char *name)
{
    for (size_t i = 0; i < condition->count; i++)
        if (!strcmp(condition->inputs[i].name, name))
            return &condition->inputs[i];
    return NULL;
}

static pb_status fail_name(const pb_model *model, const char *name, pb_error *error)
{
    pb_likeness likeness = pb_likeness_to(name);

    for (size_t i = 0; i < model->graph->inputs; i++)
        if (pb_is_tensor_input(model->graph->nodes[i].label))
            pb_likeness_add(&likeness, model->graph->nodes[i].label);
    return pb_fail(error, PB_INVALID, "a tensor \"%s\" for a network that takes none such%s", name,
                   pb_likeness_hint(&likeness).text);
}

static pb_status check_tensor(const pb_model *model, const pb_condition *condition, size_t number,
                              pb_error *error)
{
    const pb_input *given = &condition->inputs[number];
    const pb_node *node;
    pb_value value;

    PB_NEED(given->name, "the name of a tensor");
    PB_NEED(given->value, "a tensor");
    PB_NEED(given->value->data, "a tensor's numbers");
    value = pb_is_tensor_input(given->name) ? pb_graph_find_input(model->graph, given->name) : -1;
    if (value < 0)
        return fail_name(model, given->name, error);
    if (find_given(condition, given->name) != given)
        return pb_fail(error, PB_INVALID, "two tensors \"%s\"", given->name);
    node = &model->graph->nodes[value];
    PB_TRY(pb_shape_check_one(
        given->value, 2, (size_t[2]){node->many ? 0 : node->shape.h * node->shape.w, node->shape.c},
        given->name, error));
    return pb_finite_check(pb_tensor_count(given->value), given->value->data, given->name, error);
}

pb_status pb_condition_check_tensors(const pb_model *model, const pb_condition *condition,
                                     bool left_out, pb_error *error)
{
    if (condition->count)
        PB_NEED(condition->inputs, "a condition's tensors");
    for (size_t i = 0; i < condition->count; i++)
        PB_TRY(check_tensor(model, condition, i, error));
    for (size_t i = 0; !left_out && i < model->graph->inputs; i++) {
        const pb_node *node = &model->graph->nodes[i];
        if (!pb_is_tensor_input(node->label) || find_given(condition, node->label))
            continue;
        return !strcmp(node->label, "context")
                   ? pb_fail(error, PB_INVALID,
                             "this network is conditioned on text: it needs a context of %zu "
                             "numbers for each token",
                             node->shape.c)
                   : pb_fail(error, PB_INVALID, "this network needs a tensor \"%s\"", node->label);
    }
    return PB_OK;
}

pb_status pb_inputs_fill(pb_inputs *inputs, const pb_model *model, const pb_condition *condition,
                         size_t height, size_t width, const float *x, pb_error *error)
{
    const pb_graph *graph = model->graph;

    if (graph->inputs > PB_GRAPH_INPUTS)
        return pb_fail(error, PB_INTERNAL, "a graph of %zu inputs", graph->inputs);
    PB_TRY(pb_model_check_size(model, height, width, error));
    memset(inputs, 0, sizeof *inputs); /* shapes are compared byte by byte */
    pb_model_input_shapes(model, height, width, inputs->shapes);
    inputs->time = (float)condition->timestep;
    inputs->label = (float)condition->class_label;
    for (size_t i = 0; i < graph->inputs; i++) {
        const char *name = graph->nodes[i].label;
        const pb_input *given = find_given(condition, name);

        inputs->feeds[i] = !strcmp(name, "x")          ? (pb_feed){x, true}
                           : !strcmp(name, "timestep") ? (pb_feed){&inputs->time, false}
                           : !strcmp(name, "class")    ? (pb_feed){&inputs->label, false}
                           : given                     ? (pb_feed){given->value->data, false}
                                                       : (pb_feed){NULL, false};
        if (given)
            inputs->shapes[i] = shape_of(given->value);
    }
    return PB_OK;
}
