#include "map/tap.h"

#include <string.h>

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
        use->value = pb_graph_find_input(model->graph, name);
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
