/* The trajectory of a sample: its x_t at the timesteps of a plan. */
#include <string.h>

#include "base/memory.h"
#include "base/shape.h"
#include "study/executor/craft.h"
#include "study/executor/image.h"

/* x at grid point 0: the image as the network sees it; or at the grid's end: noise. */
static pb_status begin(const pb_workshop *w, const pb_item *item, pb_tensor *x, pb_error *error)
{
    const pb_study_options *o = w->plan->options;
    const pb_study_model *m = &w->plan->models[item->model];
    pb_tensor picture = PB_TENSOR_EMPTY;
    pb_status status;

    if (!o->image_count)
        return pb_session_noise(m->studio.session, 1, m->height, m->width, o->seed + item->sample,
                                x, error);
    if (o->latents)
        return pb_study_image(x, o, m, item->sample, error);
    status = pb_study_image(&picture, o, m, item->sample, error);
    if (status == PB_OK)
        status = pb_session_encode(m->studio.session, &picture, x, &w->inner, error);
    pb_tensor_clear(&picture);
    return status;
}

/* One sample on its way. */
typedef struct journey {
    pb_session *session;
    pb_prompts prompts;
    size_t steps, at;
    pb_tensor x;
    const pb_run *run;
} journey;

static pb_status go(journey *j, size_t to, float *keep, pb_error *error)
{
    PB_TRY(pb_session_move(j->session, &j->prompts, NULL, &j->x, j->steps, j->at, to, NULL, j->run,
                           error));
    j->at = to;
    if (keep)
        memcpy(keep, j->x.data, pb_tensor_count(&j->x) * sizeof *keep);
    return PB_OK;
}

/* The points x at the plan's timesteps and, last, x_T: (P + 1,c,h,w). */
static pb_status compute(const pb_workshop *w, const pb_item *item, pb_tensor *points,
                         pb_error *error)
{
    const pb_study_plan *p = w->plan;
    const pb_study_model *m = &p->models[item->model];
    const pb_study_options *o = p->options;
    const size_t shape[4] = {p->timesteps + 1, m->studio.info->in_channels, m->height, m->width};
    size_t size = shape[1] * shape[2] * shape[3], last = o->steps - 1;
    journey j = {.session = m->studio.session,
                 .prompts = pb_study_prompts_of(o, m->studio.info, 0),
                 .steps = o->steps,
                 .at = o->image_count ? 0 : last,
                 .run = &w->inner};
    pb_status status = begin(w, item, &j.x, error);

    if (status == PB_OK)
        status = pb_tensor_new(points, 4, shape, error);
    /* Up: with the direct route the points are met on the way. */
    for (size_t i = 0; status == PB_OK && o->direct && o->image_count && i < p->timesteps; i++)
        status = go(&j, m->grid[i], points->data + i * size, error);
    if (status == PB_OK)
        status = go(&j, last, points->data + p->timesteps * size, error);
    for (size_t i = p->timesteps; status == PB_OK && !(o->direct && o->image_count) && i-- > 0;)
        status = go(&j, m->grid[i], points->data + i * size, error);
    pb_tensor_clear(&j.x);
    return status;
}

static pb_status make(pb_workshop *w, const pb_item *item, const char *path, pb_error *error)
{
    pb_tensor points = PB_TENSOR_EMPTY;
    pb_status status = compute(w, item, &points, error);

    if (status == PB_OK)
        status = pb_npy_write(&points, path, error);
    pb_tensor_clear(&points);
    return status;
}

static pb_status read_points(const pb_study_plan *p, const pb_item *item, const char *path,
                             void *points, pb_error *error)
{
    const pb_study_model *m = &p->models[item->model];
    const size_t shape[4] = {p->timesteps + 1, m->studio.info->in_channels, m->height, m->width};

    PB_TRY(pb_npy_read(points, path, error));
    return pb_shape_check(points, 4, shape, path, error);
}

static void clear(void *points)
{
    pb_tensor_clear(points);
}

const pb_craft pb_craft_trajectory = {make, read_points, clear};
