#include "study/trajectory.h"

#include <stdbool.h>
#include <string.h>

#include "base/ending.h"
#include "base/memory.h"
#include "base/shape.h"

/* A .npy of one image of this shape, as a batch of one. */
static pb_status read_array(pb_tensor *x, const char *path, const size_t shape[3], pb_error *error)
{
    PB_TRY(pb_npy_read(x, path, error));
    PB_TRY(pb_shape_check_one(x, 3, shape, path, error));
    x->rank = 4;
    memcpy(x->shape, (size_t[4]){1, shape[0], shape[1], shape[2]}, 4 * sizeof *shape);
    return PB_OK;
}

static pb_status read_photo(const pb_study_plan *p, const pb_planned_model *m, pb_tensor *picture,
                            const char *path, const size_t shape[3], pb_error *error)
{
    const pb_study_options *o = p->options;
    const pb_crop crop = pb_crop_for(o->crop, &m->info->recommended);
    pb_photo photo = PB_PHOTO_EMPTY;
    pb_status status;

    PB_TRY(pb_photo_read(&photo, path, &crop, shape[2], shape[1], error));
    if (photo.looked && !photo.faces)
        status = pb_fail(error, PB_INVALID,
                         "%s: no face is found in it, and %s knows faces only: --crop none takes "
                         "the middle, of all photos, --crop X,Y,W,H a part",
                         path, m->info->path);
    else
        status = pb_photo_tensor(&photo, shape[0], shape[2], shape[1], picture, error);
    pb_photo_clear(&photo);
    return status;
}

/* An image as it is in its file: a picture, or latents. pixels: the shape of a picture. */
static pb_status read_source(const pb_study_plan *p, pb_planned_model *m, size_t sample,
                             pb_tensor *picture, size_t pixels[3], pb_error *error)
{
    const char *path = p->options->images[sample];
    bool array = pb_ends_with(path, ".npy");
    size_t factor = 1;

    if (p->options->latents && (!array || !m->info->latent))
        return pb_fail(error, PB_INVALID, "--latents: %s: expected a .npy, for a latent model",
                       path);
    pixels[0] = m->info->in_channels;
    if (!p->options->latents)
        PB_TRY(pb_session_pixels(m->session, &factor, &pixels[0], error));
    pixels[1] = m->height * factor;
    pixels[2] = m->width * factor;
    return array ? read_array(picture, path, pixels, error)
                 : read_photo(p, m, picture, path, pixels, error);
}

/* x at grid point 0: the image as the network sees it; or at the grid's end: noise. */
static pb_status begin(const pb_study_plan *p, pb_planned_model *m, size_t sample, pb_tensor *x,
                       const pb_run *run, pb_error *error)
{
    const pb_study_options *o = p->options;
    pb_tensor picture = PB_TENSOR_EMPTY;
    size_t pixels[3];
    pb_status status;

    if (!o->image_count)
        return pb_session_noise(m->session, 1, m->height, m->width, o->seed + sample, x, error);
    if (o->latents)
        return read_source(p, m, sample, x, pixels, error);
    status = read_source(p, m, sample, &picture, pixels, error);
    if (status == PB_OK)
        status = pb_session_encode(m->session, &picture, x, run, error);
    pb_tensor_clear(&picture);
    return status;
}

pb_status pb_trajectory_check(pb_study_plan *p, pb_error *error)
{
    pb_status status = PB_OK;

    for (size_t m = 0; status == PB_OK && m < p->options->model_count; m++)
        for (size_t s = 0; status == PB_OK && s < p->options->image_count; s++) {
            pb_tensor picture = PB_TENSOR_EMPTY;
            size_t pixels[3];
            status = read_source(p, &p->models[m], s, &picture, pixels, error);
            pb_tensor_clear(&picture);
        }
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

pb_status pb_trajectory_read(const pb_study_plan *p, size_t model, const char *path,
                             pb_tensor *points, pb_error *error)
{
    const pb_planned_model *m = &p->models[model];
    const size_t shape[4] = {p->timesteps + 1, m->info->in_channels, m->height, m->width};

    PB_TRY(pb_npy_read(points, path, error));
    if (pb_shape_check(points, 4, shape, path, error) == PB_OK)
        return PB_OK;
    pb_tensor_clear(points);
    return PB_INVALID;
}

pb_status pb_trajectory_compute(pb_study_plan *p, size_t model, size_t sample, pb_tensor *points,
                                const pb_run *run, pb_error *error)
{
    pb_planned_model *m = &p->models[model];
    const pb_study_options *o = p->options;
    const size_t shape[4] = {p->timesteps + 1, m->info->in_channels, m->height, m->width};
    size_t size = shape[1] * shape[2] * shape[3], last = o->steps - 1;
    journey j = {.session = m->session,
                 .prompts = pb_study_prompts_of(o, 0),
                 .steps = o->steps,
                 .at = o->image_count ? 0 : last,
                 .run = run};
    pb_status status = begin(p, m, sample, &j.x, run, error);

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

size_t pb_trajectory_boost(const pb_study_plan *p, size_t model)
{
    const pb_study_options *o = p->options;

    if (o->boost <= 0)
        return SIZE_MAX;
    return pb_grid_nearest(pb_schedule_length(p->models[model].schedule), o->steps, o->boost);
}

/* Latents to a picture, in their place; nothing where the model has no way to one. */
static pb_status decode(pb_planned_model *m, pb_tensor *x, const pb_run *run, pb_error *error)
{
    pb_tensor picture = PB_TENSOR_EMPTY;

    if (!m->info->latent || !m->info->has_autoencoder)
        return PB_OK;
    PB_TRY(pb_session_decode(m->session, x, &picture, run, error));
    pb_tensor_clear(x);
    *x = picture;
    return PB_OK;
}

pb_status pb_trajectory_draw(pb_study_plan *p, size_t model, size_t sample, pb_tensor *picture,
                             const pb_run *run, pb_error *error)
{
    pb_planned_model *m = &p->models[model];
    const pb_study_options *o = p->options;
    const pb_prompts prompts = pb_study_prompts_of(o, 0);
    const pb_boost boost = {.t = o->boost, .seed = o->seed + sample, .own = 1};
    pb_status status =
        pb_session_noise(m->session, 1, m->height, m->width, o->seed + sample, picture, error);

    if (status == PB_OK)
        status = pb_session_move(m->session, &prompts, NULL, picture, o->steps, o->steps - 1, 0,
                                 &boost, run, error);
    if (status == PB_OK)
        status = decode(m, picture, run, error);
    if (status != PB_OK)
        pb_tensor_clear(picture);
    return status;
}
