#include "study/trajectory.h"

#include <stdbool.h>
#include <string.h>

#include "base/ending.h"
#include "base/memory.h"
#include "base/shape.h"

/* The pictures of an autoencoder, or of the network itself. */
static pb_status open_autoencoder(pb_autoencoder_info *info, const pb_study_plan *p,
                                  pb_planned_model *m, pb_error *error)
{
    *info = (pb_autoencoder_info){.channels = m->info->in_channels, .factor = 1};
    if (!m->info->latent || p->options->latents)
        return PB_OK;
    if (!m->autoencoder)
        PB_TRY(pb_autoencoder_open(&m->autoencoder, m->model, error));
    *info = pb_autoencoder_get_info(m->autoencoder);
    return PB_OK;
}

/* A .npy of one image of this shape. */
static pb_status read_array(pb_tensor *x, const char *path, const size_t shape[3], pb_error *error)
{
    PB_TRY(pb_npy_read(x, path, error));
    if (x->rank >= 3 && pb_tensor_count(x) == shape[0] * shape[1] * shape[2] &&
        !memcmp(x->shape + x->rank - 3, shape, 3 * sizeof *shape))
        return PB_OK;
    return pb_fail(error, PB_INVALID, "%s: expected one image (%zu, %zu, %zu)", path, shape[0],
                   shape[1], shape[2]);
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
    pb_autoencoder_info info;

    if (p->options->latents && (!array || !m->info->latent))
        return pb_fail(error, PB_INVALID, "--latents: %s: expected a .npy, for a latent model",
                       path);
    PB_TRY(open_autoencoder(&info, p, m, error));
    pixels[0] = info.channels;
    pixels[1] = m->height * info.factor;
    pixels[2] = m->width * info.factor;
    return array ? read_array(picture, path, pixels, error)
                 : read_photo(p, m, picture, path, pixels, error);
}

/* x_T of a drawn sample. */
static pb_status draw_noise(const pb_study_plan *p, const pb_planned_model *m, size_t sample,
                            pb_tensor *x, pb_error *error)
{
    const size_t shape[4] = {1, m->info->in_channels, m->height, m->width};
    pb_rng *rng;
    pb_status status;

    PB_TRY(pb_rng_new(&rng, p->options->seed + sample, error));
    status = pb_tensor_new(x, 4, shape, error);
    if (status == PB_OK)
        pb_randn(rng, x->data, pb_tensor_count(x));
    pb_rng_free(rng);
    return status;
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
        return draw_noise(p, m, sample, x, error);
    status = read_source(p, m, sample, &picture, pixels, error);
    if (status == PB_OK && m->info->latent && !o->latents) {
        status = pb_encode(m->autoencoder, &picture, x, run, error);
    } else if (status == PB_OK) {
        *x = picture;
        picture = PB_TENSOR_EMPTY;
    }
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
    const pb_planned_model *m;
    pb_denoiser *denoiser;
    pb_ddim_options options;
    const pb_run *run;
    size_t size;
    float *x; /* size floats */
    size_t at;
} journey;

static pb_status go(journey *j, size_t to, float *keep, pb_error *error)
{
    PB_TRY(pb_ddim(j->m->schedule, j->denoiser, 1, j->size, j->x, j->at, to, &j->options, j->run,
                   error));
    j->at = to;
    if (keep)
        memcpy(keep, j->x, j->size * sizeof *keep);
    return PB_OK;
}

/* The predictor of a model's trajectories, under their prompts. */
static pb_status open_denoiser(const pb_study_plan *p, pb_planned_model *m, pb_denoiser **denoiser,
                               pb_error *error)
{
    const pb_study_options *o = p->options;
    pb_condition condition = {.class_label = o->class_label}, negative = condition;

    if (!m->evaluator)
        PB_TRY(pb_evaluator_new(&m->evaluator, m->model, m->height, m->width, &p->run, error));
    pb_study_prompts_apply(&m->prompts, p->conditions, &condition);
    pb_study_prompts_apply(&m->prompts, p->conditions + 1, &negative);
    return pb_denoiser_new(denoiser, m->evaluator, &condition, &negative, o->guidance_scale, error);
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
    pb_tensor x = PB_TENSOR_EMPTY;
    journey j = {.m = m,
                 .options = {.steps = o->steps, .boost = SIZE_MAX},
                 .run = run,
                 .at = o->image_count ? 0 : last};
    pb_status status = open_denoiser(p, m, &j.denoiser, error);

    if (status == PB_OK)
        status = begin(p, m, sample, &x, run, error);
    if (status == PB_OK)
        status = pb_tensor_new(points, 4, shape, error);
    j.size = pb_tensor_count(&x);
    j.x = x.data;
    /* Up: with the direct route the points are met on the way. */
    for (size_t i = 0; status == PB_OK && o->direct && o->image_count && i < p->timesteps; i++)
        status = go(&j, m->grid[i], points->data + i * size, error);
    if (status == PB_OK)
        status = go(&j, last, points->data + p->timesteps * size, error);
    for (size_t i = p->timesteps; status == PB_OK && !(o->direct && o->image_count) && i-- > 0;)
        status = go(&j, m->grid[i], points->data + i * size, error);
    pb_denoiser_free(j.denoiser);
    pb_tensor_clear(&x);
    return status;
}

/* Latents to a picture, in their place; nothing where the model has no way to one. */
static pb_status decode(pb_planned_model *m, pb_tensor *x, const pb_run *run, pb_error *error)
{
    pb_tensor picture = PB_TENSOR_EMPTY;

    if (!m->info->latent || !m->info->has_autoencoder)
        return PB_OK;
    if (!m->autoencoder)
        PB_TRY(pb_autoencoder_open(&m->autoencoder, m->model, error));
    PB_TRY(pb_decode(m->autoencoder, x, &picture, run, error));
    pb_tensor_clear(x);
    *x = picture;
    return PB_OK;
}

size_t pb_trajectory_boost(const pb_study_plan *p, size_t model)
{
    const pb_study_options *o = p->options;

    if (o->boost <= 0)
        return SIZE_MAX;
    return pb_grid_nearest(pb_schedule_length(p->models[model].schedule), o->steps, o->boost);
}

pb_status pb_trajectory_draw(pb_study_plan *p, size_t model, size_t sample, pb_tensor *picture,
                             const pb_run *run, pb_error *error)
{
    pb_planned_model *m = &p->models[model];
    const pb_study_options *o = p->options;
    const pb_ddim_options options = {.steps = o->steps,
                                     .boost = pb_trajectory_boost(p, model),
                                     .noise_seed = o->seed + sample,
                                     .own_noise = 1,
                                     .clip = m->info->clip};
    pb_denoiser *denoiser;
    pb_status status;

    PB_TRY(open_denoiser(p, m, &denoiser, error));
    status = draw_noise(p, m, sample, picture, error);
    if (status == PB_OK)
        status = pb_ddim(m->schedule, denoiser, 1, pb_tensor_count(picture), picture->data,
                         o->steps - 1, 0, &options, run, error);
    pb_denoiser_free(denoiser);
    if (status == PB_OK)
        status = decode(m, picture, run, error);
    if (status != PB_OK)
        pb_tensor_clear(picture);
    return status;
}
