#include "study/trajectory.h"

#include <string.h>

#include "base/memory.h"

/* x at grid point 0: the image as the network sees it; or at the grid's end: noise. */
static pb_status begin(const pb_study_plan *p, pb_planned_model *m, size_t sample, pb_tensor *x,
                       pb_error *error)
{
    const pb_study_options *o = p->options;
    const size_t shape[4] = {1, m->info->in_channels, m->height, m->width};
    const char *path = o->image_count ? o->images[sample] : NULL;
    size_t length = path ? strlen(path) : 0;
    pb_autoencoder_info info = {.channels = shape[1], .factor = 1};
    pb_tensor picture = PB_TENSOR_EMPTY;
    pb_photo photo = PB_PHOTO_EMPTY;
    pb_status status;

    if (!path) {
        pb_rng *rng;
        PB_TRY(pb_rng_new(&rng, o->seed + sample, error));
        status = pb_tensor_new(x, 4, shape, error);
        if (status == PB_OK)
            pb_randn(rng, x->data, pb_tensor_count(x));
        pb_rng_free(rng);
        return status;
    }
    if (length > 4 && !strcmp(path + length - 4, ".npy")) {
        PB_TRY(pb_npy_read(x, path, error));
        if (x->rank < 3 || pb_tensor_count(x) != shape[1] * shape[2] * shape[3] ||
            memcmp(x->shape + x->rank - 3, shape + 1, 3 * sizeof *shape))
            return pb_fail(error, PB_INVALID, "%s: expected one image (%zu, %zu, %zu)", path,
                           shape[1], shape[2], shape[3]);
        return PB_OK;
    }
    if (m->info->latent) {
        if (!m->autoencoder)
            PB_TRY(pb_autoencoder_open(&m->autoencoder, m->model, error));
        info = pb_autoencoder_get_info(m->autoencoder);
    }
    PB_TRY(pb_photo_read(&photo, path, o->fit, o->has_crop ? &o->crop : NULL,
                         m->width * info.factor, m->height * info.factor, error));
    status = pb_photo_tensor(&photo, info.channels, m->width * info.factor, m->height * info.factor,
                             m->info->latent ? &picture : x, error);
    pb_photo_clear(&photo);
    if (status == PB_OK && m->info->latent) {
        status = pb_tensor_new(x, 4, shape, error);
        if (status == PB_OK)
            status = pb_encode(m->autoencoder, 1, m->height * info.factor, m->width * info.factor,
                               picture.data, x->data, o->memory, error);
    }
    pb_tensor_clear(&picture);
    return status;
}

/* One sample on its way. */
typedef struct journey {
    const pb_planned_model *m;
    pb_denoiser denoiser;
    pb_ddim_options options;
    float *x;
    size_t at;
} journey;

static pb_status go(journey *j, size_t to, float *keep, pb_error *error)
{
    PB_TRY(pb_ddim(j->m->schedule, &j->denoiser, 1, j->x, j->at, to, &j->options, error));
    j->at = to;
    if (keep)
        memcpy(keep, j->x, j->denoiser.size * sizeof *keep);
    return PB_OK;
}

pb_status pb_trajectory_compute(pb_study_plan *p, size_t model, size_t sample, pb_tensor *points,
                                pb_progress progress, void *context, pb_error *error)
{
    pb_planned_model *m = &p->models[model];
    const pb_study_options *o = p->options;
    pb_condition condition = {.class_label = o->class_label}, negative = condition;
    const size_t shape[4] = {p->timesteps + 1, m->info->in_channels, m->height, m->width};
    size_t size = shape[1] * shape[2] * shape[3], last = o->steps - 1;
    pb_tensor x = PB_TENSOR_EMPTY;
    journey j = {.m = m,
                 .options = {.steps = o->steps,
                             .boost = SIZE_MAX,
                             .progress = progress,
                             .progress_context = context},
                 .at = o->image_count ? 0 : last};
    pb_status status = PB_OK;

    if (!m->evaluator)
        status = pb_evaluator_new(&m->evaluator, m->model, m->height, m->width, o->memory, error);
    if (status == PB_OK)
        status = begin(p, m, sample, &x, error);
    if (status == PB_OK)
        status = pb_tensor_new(points, 4, shape, error);
    if (status == PB_OK) {
        pb_study_prompts_apply(&m->prompts, p->conditions, &condition);
        pb_study_prompts_apply(&m->prompts, p->conditions + 1, &negative);
        j.denoiser = pb_evaluator_guided(m->evaluator, &condition, &negative, o->guidance_scale);
        j.x = x.data;
    }
    /* Up: with the direct route the points are met on the way. */
    for (size_t i = 0; status == PB_OK && o->direct && o->image_count && i < p->timesteps; i++)
        status = go(&j, m->grid[i], points->data + i * size, error);
    if (status == PB_OK)
        status = go(&j, last, points->data + p->timesteps * size, error);
    for (size_t i = p->timesteps; status == PB_OK && !(o->direct && o->image_count) && i-- > 0;)
        status = go(&j, m->grid[i], points->data + i * size, error);
    pb_tensor_clear(&x);
    return status;
}
