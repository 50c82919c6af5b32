/* The basis of a sample at a timestep. */
#include <math.h>
#include <string.h>

#include "session/session.h"
#include "study/executor/craft.h"

static double timestep_of(const pb_study_plan *p, const pb_item *item)
{
    size_t time = pb_plan_point(p, item->model, item->timestep).time;

    return pb_grid_time(pb_schedule_length(p->models[item->model].studio.schedule),
                        p->options->steps, time);
}

/* Where it is taken; the point is not to be cleared: its image is one of the points, its prompts
 * are the options'. */
static pb_point point_of(const pb_study_plan *p, const pb_item *item, const pb_tensor *points)
{
    const pb_study_options *o = p->options;
    pb_point point = PB_POINT_EMPTY;

    point.x.rank = 4;
    memcpy(point.x.shape, points->shape, 4 * sizeof *point.x.shape);
    point.x.shape[0] = 1;
    point.x.data = points->data +
                   (o->fix == PB_FIX_X ? p->timesteps : item->timestep) * pb_tensor_count(&point.x);
    point.t = pb_plan_t(p, item->timestep);
    point.timestep = timestep_of(p, item);
    point.steps = o->steps;
    point.prompts = pb_study_prompts_of(o, p->models[item->model].studio.info, item->condition);
    return point;
}

static pb_status make(pb_workshop *w, const pb_item *item, const char *path, pb_error *error)
{
    const pb_study_options *o = w->plan->options;
    const pb_basis_options options = {.from = o->from,
                                      .to = o->to,
                                      .rank = o->rank,
                                      .tolerance = o->tolerance,
                                      .guided = o->guided};
    pb_basis basis = PB_BASIS_EMPTY;
    const pb_tensor *points;
    pb_point point;
    pb_status status;

    PB_TRY(pb_workshop_points(w, item, &points, error));
    point = point_of(w->plan, item, points);
    status = pb_session_basis(w->plan->models[item->model].studio.session, &point, &options, &basis,
                              NULL, NULL, &w->inner, error);
    if (status == PB_OK && basis.s.shape[0] < o->rank)
        status = pb_fail(error, PB_NUMERIC, "%zu of %zu triplets found within %zu applications",
                         basis.s.shape[0], o->rank, basis.applications);
    if (status == PB_OK)
        status = pb_basis_write(&basis, path, error);
    pb_basis_clear(&basis);
    return status;
}

/* Another's file may lie in its place. */
static pb_status check(const pb_study_plan *p, const pb_item *item, const pb_basis *b,
                       pb_error *error)
{
    const pb_study_options *o = p->options;
    const pb_study_model *m = &p->models[item->model];

    PB_TRY(pb_basis_compatible(b, m->studio.model, m->height, m->width, error));
    if (b->samples || b->s.shape[0] != o->rank || strcmp(b->from, o->from) || strcmp(b->to, o->to))
        return pb_fail(error, PB_INVALID,
                       "%zu directions from %s to %s: the study expects %zu from %s to %s",
                       b->s.shape[0], b->from, b->to, o->rank, o->from, o->to);
    if (strcmp(b->model_hash, m->hash))
        return pb_fail(error, PB_INVALID, "of another model");
    if (fabs(b->timestep - timestep_of(p, item)) > 1e-3)
        return pb_fail(error, PB_INVALID, "at timestep %g: the study expects %g", b->timestep,
                       timestep_of(p, item));
    if (m->studio.info->context_width && strcmp(b->prompt, pb_study_prompt(o, item->condition)))
        return pb_fail(error, PB_INVALID, "under another prompt");
    if (m->studio.info->pooled_width &&
        (!b->sizes || strcmp(b->sizes, pb_sizes_write(&m->sizes).text)))
        return pb_fail(error, PB_INVALID, "told other sizes");
    return PB_OK;
}

static pb_status read_basis(const pb_study_plan *p, const pb_item *item, const char *path,
                            void *basis, pb_error *error)
{
    pb_status status;

    PB_TRY(pb_basis_read(basis, path, error));
    status = check(p, item, basis, error);
    return status == PB_OK ? PB_OK : pb_fail_in(error, status, "%s", path);
}

static void clear(void *basis)
{
    pb_basis_clear(basis);
}

const pb_craft pb_craft_basis = {make, read_basis, clear};
