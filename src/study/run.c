#include "study/run.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "study/pictures.h"
#include "study/trajectory.h"

typedef struct runner {
    pb_study_plan *plan;
    const pb_study_monitor *monitor;
    pb_study_progress *progress;
    double start;
    pb_tensor points; /* the trajectory at hand, of model and sample */
    size_t model, sample;
} runner;

static int report(runner *r)
{
    r->progress->seconds = pb_seconds() - r->start;
    return r->monitor->step(r->monitor->context, r->progress);
}

static int ask(void *context, const pb_progress *progress)
{
    (void)progress;
    return report(context);
}

/* Under which an item is computed. */
static pb_run run_of(runner *r)
{
    return (pb_run){.monitor = ask,
                    .context = r,
                    .memory = r->plan->run.memory,
                    .threads = r->plan->run.threads};
}

static pb_status wait_a_little(runner *r, pb_error *error)
{
    const struct timespec pause = {.tv_nsec = 100000000};

    nanosleep(&pause, NULL);
    return report(r) ? pb_fail(error, PB_CANCELLED, "cancelled") : PB_OK;
}

/* -- trajectories -------------------------------------------------------------------------------
 */

static pb_status make_trajectory(runner *r, size_t m, size_t s, const char *path, pb_error *error)
{
    const pb_key *key = &r->plan->trajectories[pb_plan_trajectory(r->plan, m, s)];
    const pb_run run = run_of(r);
    double begin = pb_seconds();
    pb_status status = pb_trajectory_compute(r->plan, m, s, &r->points, &run, error);

    if (status == PB_OK)
        status = pb_npy_write(&r->points, path, error);
    if (status == PB_OK)
        return pb_catalogue_finish(r->plan->catalogue, key, pb_seconds() - begin, error);
    pb_catalogue_release(r->plan->catalogue, key);
    pb_tensor_clear(&r->points);
    return status;
}

/* Makes r->points those of the sample: reads them, computes them, or waits for who does. */
static pb_status need_trajectory(runner *r, size_t m, size_t s, pb_error *error)
{
    pb_study_plan *p = r->plan;
    const pb_key *key = &p->trajectories[pb_plan_trajectory(p, m, s)];
    char *path;
    json_t *spec;
    pb_claim claim = PB_CLAIM_BUSY;
    pb_status status = PB_OK;

    if (r->points.data && r->model == m && r->sample == s)
        return PB_OK;
    pb_tensor_clear(&r->points);
    r->model = m;
    r->sample = s;
    path = pb_catalogue_path(p->catalogue, key, PB_TRAJECTORY_ENDING);
    spec = pb_trajectory_spec(p, m, s);
    if (!path || !spec)
        status = pb_fail_memory(error, sizeof *key, "a path");
    while (status == PB_OK && claim == PB_CLAIM_BUSY) {
        status = pb_catalogue_claim(p->catalogue, key, spec, PB_TRAJECTORY_ENDING, &claim, error);
        if (status == PB_OK && claim == PB_CLAIM_BUSY)
            status = wait_a_little(r, error);
    }
    if (status == PB_OK)
        status = claim == PB_CLAIM_MINE ? make_trajectory(r, m, s, path, error)
                                        : pb_trajectory_read(p, m, path, &r->points, error);
    pb_free(path);
    json_decref(spec);
    return status;
}

/* -- items ----------------------------------------------------------------------------------------
 */

static pb_status make_picture(runner *r, size_t m, size_t sample, size_t t, const char *path,
                              pb_error *error)
{
    const pb_run run = run_of(r);

    (void)t;
    return pb_picture_make(r->plan, m, sample, path, &run, error);
}

static pb_status make_basis(runner *r, size_t m, size_t row, size_t t, const char *path,
                            pb_error *error)
{
    const pb_study_plan *p = r->plan;
    const pb_study_options *o = p->options;
    const pb_planned_model *model = &p->models[m];
    const pb_basis_options options = {.from = o->from,
                                      .to = o->to,
                                      .rank = o->rank,
                                      .tolerance = o->tolerance,
                                      .guided = o->guided};
    size_t time = pb_plan_point(p, m, t).time;
    pb_point point = PB_POINT_EMPTY;
    pb_basis basis = PB_BASIS_EMPTY;
    const pb_run run = run_of(r);
    pb_status status;

    PB_TRY(need_trajectory(r, m, row / p->conditions, error));
    point.x.rank = 4;
    memcpy(point.x.shape, r->points.shape, 4 * sizeof *point.x.shape);
    point.x.shape[0] = 1;
    point.x.data =
        r->points.data + (o->fix == PB_FIX_X ? p->timesteps : t) * pb_tensor_count(&point.x);
    point.t = pb_plan_t(p, t);
    point.timestep = pb_grid_time(pb_schedule_length(model->schedule), o->steps, time);
    point.steps = o->steps;
    point.prompts = pb_study_prompts_of(o, row % p->conditions);
    status = pb_session_basis(model->session, &point, &options, &basis, NULL, NULL, &run, error);
    if (status == PB_OK && basis.s.shape[0] < o->rank)
        status = pb_fail(error, PB_NUMERIC, "%zu of %zu triplets found within %zu applications",
                         basis.s.shape[0], o->rank, basis.applications);
    if (status == PB_OK)
        status = pb_basis_write(&basis, path, error);
    pb_basis_clear(&basis);
    return status;
}

/* How an item is made, of a model: basis `t` of a row, or the picture of a sample. */
typedef pb_status (*maker)(runner *r, size_t m, size_t row, size_t t, const char *path,
                           pb_error *error);

/* Claims an item and computes it, unless it is done or somebody else does, who is then counted in
 * *busy. spec is taken over. */
static pb_status need(runner *r, const pb_key *key, json_t *spec, const char *ending, maker make,
                      size_t m, size_t row, size_t t, size_t *busy, pb_error *error)
{
    pb_study_plan *p = r->plan;
    char *path = pb_catalogue_path(p->catalogue, key, ending);
    double begin = pb_seconds();
    pb_claim claim = PB_CLAIM_BUSY;
    pb_status status;

    if (!path || !spec)
        status = pb_fail_memory(error, sizeof *key, "a path");
    else
        status = pb_catalogue_claim(p->catalogue, key, spec, ending, &claim, error);
    if (status == PB_OK && claim == PB_CLAIM_MINE) {
        status = make(r, m, row, t, path, error);
        if (status == PB_OK) {
            status = pb_catalogue_finish(p->catalogue, key, pb_seconds() - begin, error);
            r->progress->computed++;
        } else
            pb_catalogue_release(p->catalogue, key);
    }
    pb_free(path);
    json_decref(spec);
    PB_TRY(status);
    *busy += claim == PB_CLAIM_BUSY;
    r->progress->done += claim != PB_CLAIM_BUSY && !p->repeated[key - p->bases];
    return report(r) ? pb_fail(error, PB_CANCELLED, "cancelled") : PB_OK;
}

/* One pass over all items; *busy: how many others compute. */
static pb_status pass(runner *r, size_t *busy, pb_error *error)
{
    pb_study_plan *p = r->plan;

    *busy = 0;
    r->progress->done = 0;
    for (size_t m = 0; m < p->options->model_count; m++)
        for (size_t row = 0; row < p->rows; row++) {
            size_t sample = row / p->conditions;
            if (row % p->conditions == 0 && !p->options->image_count)
                PB_TRY(need(r, &p->pictures[pb_plan_trajectory(p, m, sample)],
                            pb_picture_spec(p, m, sample), PB_PICTURE_ENDING, make_picture, m,
                            sample, 0, busy, error));
            for (size_t t = 0; t < p->timesteps; t++)
                PB_TRY(need(r, &p->bases[pb_plan_basis(p, m, row, t)], pb_basis_spec(p, m, row, t),
                            PB_BASIS_ENDING, make_basis, m, row, t, busy, error));
        }
    return PB_OK;
}

pb_status pb_study_compute(pb_study_plan *plan, const pb_study_monitor *monitor,
                           pb_study_progress *progress, pb_error *error)
{
    size_t models = plan->options->model_count, busy = 1;
    runner r = {.plan = plan,
                .monitor = monitor,
                .progress = progress,
                .start = pb_seconds(),
                .points = PB_TENSOR_EMPTY};
    pb_status status;

    *progress = (pb_study_progress){.total = plan->items};
    for (size_t m = 0; m < models; m++)
        if (plan->models[m].info->ignored)
            progress->ignored = plan->models[m].info->ignored;
    status =
        pb_catalogue_plan(plan->catalogue, plan->options->folder, plan->keys, plan->bases, error);
    while (status == PB_OK && busy) {
        status = pass(&r, &busy, error);
        if (status == PB_OK && busy)
            status = wait_a_little(&r, error);
    }
    pb_tensor_clear(&r.points);
    return status;
}
