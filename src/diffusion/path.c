#include <math.h>

#include "base/memory.h"
#include "diffusion/schedule.h"

pb_status pb_schedule_new_flow(pb_schedule **out, size_t length, pb_error *error)
{
    pb_schedule *s;
    pb_status status;

    PB_OUT(out, "the schedule");
    if (length < PB_LEAST_LENGTH || length > PB_MOST_LENGTH)
        return pb_fail(error, PB_INVALID, "a flow of %zu steps: expected %d to %d", length,
                       PB_LEAST_LENGTH, PB_MOST_LENGTH);
    s = pb_calloc(1, sizeof *s);
    if (!s)
        return pb_fail_memory(error, sizeof *s, "a flow");
    *s = (pb_schedule){.prediction = PB_PREDICTION_VELOCITY, .T = length};
    status = pb_schedule_name(s, "flow", error);
    if (status == PB_OK)
        *out = s;
    else
        pb_schedule_free(s);
    return status;
}

double pb_path_time(const pb_schedule *schedule, double t)
{
    return schedule->alpha_bar ? floor(t) : t;
}

static pb_path_point point_of(double alpha_bar)
{
    return (pb_path_point){sqrt(alpha_bar), sqrt(1 - alpha_bar), alpha_bar, 1 - alpha_bar};
}

static pb_path_point flow_at(const pb_schedule *schedule, double t)
{
    double s = fmin(fmax(t / (double)(schedule->T - 1), 0), 1);

    return (pb_path_point){1 - s, s, (1 - s) * (1 - s), s * s};
}

pb_path_point pb_path_at(const pb_schedule *schedule, double t)
{
    if (!schedule->alpha_bar)
        return flow_at(schedule, t);
    return point_of(pb_alpha_bar(schedule, t > 0 ? (size_t)fmin(t, (double)(schedule->T - 1)) : 0));
}

pb_path_point pb_path_at_grid(const pb_schedule *schedule, size_t S, size_t i)
{
    return schedule->alpha_bar ? point_of(pb_alpha_bar(schedule, pb_grid_index(schedule->T, S, i)))
                               : flow_at(schedule, pb_grid_time(schedule->T, S, i));
}

void pb_path_eps(const pb_schedule *schedule, const pb_path_point *at, double *x, double *out)
{
    *x = 0;
    *out = 1;
    switch (schedule->prediction) {
    case PB_PREDICTION_EPSILON:
        break;
    case PB_PREDICTION_V:
        *x = at->s;
        *out = at->a;
        break;
    case PB_PREDICTION_SAMPLE:
        *x = 1 / at->s;
        *out = -at->a / at->s;
        break;
    case PB_PREDICTION_VELOCITY:
        *x = 1;
        *out = at->a;
        break;
    }
}

void pb_path_x0(const pb_schedule *schedule, const pb_path_point *at, double *x, double *out)
{
    *x = 0;
    *out = 1;
    switch (schedule->prediction) {
    case PB_PREDICTION_EPSILON:
        *x = 1 / at->a;
        *out = -at->s / at->a;
        break;
    case PB_PREDICTION_V:
        *x = at->a;
        *out = -at->s;
        break;
    case PB_PREDICTION_SAMPLE:
        break;
    case PB_PREDICTION_VELOCITY:
        *x = 1;
        *out = -at->s;
        break;
    }
}
