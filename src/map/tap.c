#include "map/tap.h"

#include <string.h>

#include "base/shape.h"

pb_status pb_tap_find(pb_tap_use *use, const pb_model *model, const char *name, double timestep,
                      pb_error *error)
{
    const pb_schedule *schedule = pb_model_schedule(model);
    pb_path_point at;
    double a, b;
    bool eps, x0;

    PB_NEED(name, "the name of a tap");
    eps = !strcmp(name, "eps");
    x0 = !strcmp(name, "x0");
    *use =
        (pb_tap_use){.value = pb_graph_find_tap(model->graph, eps || x0 ? "out" : name), .b = 1.0f};
    if (use->value < 0)
        return pb_fail_tap(error, model, name);
    if (!eps && !x0)
        return PB_OK;
    at = pb_path_at(schedule, timestep);
    (eps ? pb_path_eps : pb_path_x0)(schedule, &at, &a, &b);
    use->affine = true;
    use->a = (float)a;
    use->b = (float)b;
    return PB_OK;
}

void pb_tap_apply(const pb_tap_use *use, size_t count, const float *x, float *y)
{
    if (!use->affine || (use->a == 0.0f && use->b == 1.0f))
        return;
    for (size_t i = 0; i < count; i++)
        y[i] = use->a * x[i] + use->b * y[i];
}

pb_status pb_condition_check(const pb_model *model, const pb_condition *condition, pb_error *error)
{
    double last = (double)pb_schedule_length(pb_model_schedule(model)) - 1;

    if (!(condition->timestep >= 0 && condition->timestep <= last))
        return pb_fail(error, PB_INVALID, "timestep %g: expected 0 to %g", condition->timestep,
                       last);
    return pb_model_check_class(model, condition->class_label, error);
}

pb_status pb_condition_check_context(const pb_model *model, const pb_condition *condition,
                                     pb_error *error)
{
    if (model->facts.context_width && (!condition->context || condition->tokens == 0))
        return pb_fail(error, PB_INVALID,
                       "this network is conditioned on text: it needs a context of %zu numbers for "
                       "each token",
                       model->facts.context_width);
    if (!model->facts.context_width && condition->context)
        return pb_fail(error, PB_INVALID, "a context for a network that takes none");
    if (condition->context && condition->width != model->facts.context_width)
        return pb_fail(error, PB_INVALID,
                       "a context of %zu numbers for each token: this network takes %zu",
                       condition->width, model->facts.context_width);
    return pb_count_check(condition->tokens, condition->width, 1, "a context", error);
}

void pb_inputs_fill(pb_inputs *inputs, const pb_condition *condition, const float *x)
{
    inputs->time = (float)condition->timestep;
    inputs->label = (float)condition->class_label;
    inputs->feeds[PB_INPUT_X] = (pb_feed){x, true};
    inputs->feeds[PB_INPUT_TIME] = (pb_feed){&inputs->time, false};
    inputs->feeds[PB_INPUT_CLASS] = (pb_feed){&inputs->label, false};
    inputs->feeds[PB_INPUT_CONTEXT] = (pb_feed){condition->context, false};
}
