#include "session/session.h"

#include <string.h>

#include "base/memory.h"
#include "base/shape.h"

pb_status pb_session_new(pb_session **out, const pb_model *model, pb_error *error)
{
    pb_session *s;

    PB_OUT(out, "the session");
    PB_NEED(model, "a model");
    s = pb_calloc(1, sizeof *s);
    if (!s)
        return pb_fail_memory(error, sizeof *s, "a session");
    s->model = model;
    s->info = pb_model_get_info(model);
    s->schedule = pb_model_schedule(model);
    *out = s;
    return PB_OK;
}

void pb_session_free(pb_session *s)
{
    if (!s)
        return;
    pb_session_forget_told(s);
    pb_session_forget(s, 0);
    pb_embedding_free(s->nothing);
    pb_free(s->embeddings);
    pb_text_encoder_free(s->encoder);
    pb_autoencoder_free(s->autoencoder);
    pb_evaluator_free(s->evaluator);
    pb_free(s);
}

pb_status pb_session_prepare(pb_session *s, size_t height, size_t width, const pb_run *run,
                             pb_error *error)
{
    /* The rest is of whoever asks its denoisers; plans are for the threads that there are then. */
    const pb_run own = {.memory = run ? run->memory : 0};

    if (s->evaluator && s->height == height && s->width == width && s->memory == own.memory)
        return PB_OK;
    pb_evaluator_free(s->evaluator);
    s->evaluator = NULL;
    PB_TRY(pb_evaluator_new(&s->evaluator, s->model, height, width, &own, error));
    s->height = height;
    s->width = width;
    s->memory = own.memory;
    return PB_OK;
}

/* -- pictures ------------------------------------------------------------------------------------
 */

pb_status pb_session_place(const pb_tensor *place, const char *what, pb_error *error)
{
    if (!place)
        return pb_fail(error, PB_INVALID, "a place for %s: expected one, found NULL", what);
    return !place->data ? PB_OK
                        : pb_fail(error, PB_INVALID, "a place for %s: expected an empty one", what);
}

pb_status pb_session_pixels(pb_session *s, size_t *factor, size_t *channels, pb_error *error)
{
    pb_autoencoder_info info;

    PB_NEED(s, "a session");
    PB_NEED(factor, "a place for the factor");
    PB_NEED(channels, "a place for the channels");
    *factor = 1;
    *channels = s->info->in_channels;
    if (!s->info->latent)
        return PB_OK;
    if (!s->autoencoder)
        PB_TRY(pb_autoencoder_open(&s->autoencoder, s->model, error));
    info = pb_autoencoder_get_info(s->autoencoder);
    *factor = info.factor;
    *channels = info.channels;
    return PB_OK;
}

/* A height or width in pixels, 0: not given; one position of the network is `factor` of them. */
static pb_status check_size(const char *name, size_t pixels, const pb_model_info *info,
                            size_t factor, pb_error *error)
{
    size_t multiple = factor * info->size_multiple, least = factor * info->size_least;

    if (pixels == 0 || (pixels % multiple == 0 && pixels >= least))
        return PB_OK;
    return pb_fail(error, PB_INVALID, "%s %zu: expected multiples of %zu pixels from %zu on", name,
                   pixels, multiple, least);
}

pb_status pb_session_size(pb_session *s, size_t pixel_height, size_t pixel_width, size_t *height,
                          size_t *width, pb_error *error)
{
    size_t factor, channels;

    PB_NEED(s, "a session");
    PB_NEED(height, "a place for the height");
    PB_NEED(width, "a place for the width");
    *height = s->info->sample_height;
    *width = s->info->sample_width;
    if (!pixel_height && !pixel_width)
        return PB_OK;
    PB_TRY(pb_session_pixels(s, &factor, &channels, error));
    PB_TRY(check_size("height", pixel_height, s->info, factor, error));
    PB_TRY(check_size("width", pixel_width, s->info, factor, error));
    *height = pixel_height ? pixel_height / factor : *height;
    *width = pixel_width ? pixel_width / factor : *width;
    return PB_OK;
}

pb_status pb_session_encode(pb_session *s, const pb_tensor *pictures, pb_tensor *images,
                            const pb_run *run, pb_error *error)
{
    size_t factor, channels;
    pb_task task;

    PB_TRY(pb_session_pixels(s, &factor, &channels, error));
    PB_TRY(pb_session_place(images, "images", error));
    PB_TRY(pb_shape_check(pictures, 4, (size_t[4]){0, channels}, "pictures", error));
    return s->info->latent ? pb_encode(s->autoencoder, pictures, images,
                                       pb_task_begin(&task, "encoding", run), error)
                           : pb_tensor_copy(images, pictures, error);
}

pb_status pb_session_decode(pb_session *s, const pb_tensor *images, pb_tensor *pictures,
                            const pb_run *run, pb_error *error)
{
    size_t factor, channels;
    pb_task task;

    PB_TRY(pb_session_pixels(s, &factor, &channels, error));
    PB_TRY(pb_session_place(pictures, "pictures", error));
    PB_TRY(pb_shape_check(images, 4, (size_t[4]){0, s->info->in_channels}, "images", error));
    return s->info->latent ? pb_decode(s->autoencoder, images, pictures,
                                       pb_task_begin(&task, "decoding", run), error)
                           : pb_tensor_copy(pictures, images, error);
}

/* -- moving --------------------------------------------------------------------------------------
 */

pb_status pb_session_noise(const pb_session *s, size_t n, size_t height, size_t width,
                           uint64_t seed, pb_tensor *noise, pb_error *error)
{
    pb_rng *rng;
    pb_status status;

    PB_NEED(s, "a session");
    PB_TRY(pb_session_place(noise, "noise", error));
    PB_TRY(pb_rng_new(&rng, seed, error));
    status = pb_tensor_new(noise, 4, (size_t[4]){n, s->info->in_channels, height, width}, error);
    if (status == PB_OK)
        pb_randn(rng, noise->data, pb_tensor_count(noise));
    pb_rng_free(rng);
    return status;
}

pb_status pb_session_boosts(double t, pb_error *error)
{
    return t >= 0 && t <= 1
               ? PB_OK
               : pb_fail(error, PB_INVALID, "boost %g: expected a fraction from 0 to 1", t);
}

/* The predictor of trajectories of these images, and a copy of them to be moved: until it has
 * arrived they stay as they are, for somebody may stop it. */
static pb_status begin_moving(pb_session *s, const pb_prompts *prompts, const pb_tensor *x,
                              pb_denoiser **denoiser, pb_tensor *moved, const pb_run *run,
                              pb_error *error)
{
    pb_status status;

    PB_NEED(s, "a session");
    PB_TRY(pb_shape_check(x, 4, (size_t[4]){0, s->info->in_channels}, "images", error));
    PB_TRY(pb_session_denoiser(s, prompts, 0, x->shape[2], x->shape[3], denoiser, run, error));
    status = pb_tensor_copy(moved, x, error);
    if (status != PB_OK)
        pb_denoiser_free(*denoiser);
    return status;
}

static pb_status end_moving(pb_status status, pb_tensor *x, pb_denoiser *denoiser, pb_tensor *moved)
{
    if (status == PB_OK)
        memcpy(x->data, moved->data, pb_tensor_count(x) * sizeof *x->data);
    pb_tensor_clear(moved);
    pb_denoiser_free(denoiser);
    return status;
}

pb_status pb_session_move_by(pb_session *s, const pb_prompts *prompts, const char *name,
                             pb_tensor *x, size_t steps, size_t from, size_t to, size_t stride,
                             const pb_boost *boost, const pb_run *run, pb_error *error)
{
    pb_ddim_options options = {.steps = steps, .boost = SIZE_MAX, .stride = stride};
    pb_tensor moved = PB_TENSOR_EMPTY;
    pb_denoiser *denoiser;
    pb_status status;
    pb_task task;

    if (boost)
        PB_TRY(pb_session_boosts(boost->t, error));
    PB_TRY(begin_moving(s, prompts, x, &denoiser, &moved, run, error));
    options.clip = s->info->clip;
    if (boost && boost->t > 0) {
        options.boost = pb_grid_nearest(pb_schedule_length(s->schedule), steps, boost->t);
        options.noise_seed = boost->seed;
        options.own_noise = boost->own;
    }
    status = pb_ddim(s->schedule, denoiser, x->shape[0], pb_item_size(x), moved.data, from, to,
                     &options, pb_task_begin(&task, name ? name : "moving", run), error);
    return end_moving(status, x, denoiser, &moved);
}

pb_status pb_session_move(pb_session *s, const pb_prompts *prompts, const char *name, pb_tensor *x,
                          size_t steps, size_t from, size_t to, const pb_boost *boost,
                          const pb_run *run, pb_error *error)
{
    return pb_session_move_by(s, prompts, name, x, steps, from, to, 1, boost, run, error);
}

pb_status pb_session_sample(pb_session *s, const pb_prompts *prompts, pb_tensor *x,
                            pb_spacing spacing, size_t steps, const pb_run *run, pb_error *error)
{
    pb_tensor moved = PB_TENSOR_EMPTY;
    pb_denoiser *denoiser;
    pb_status status;
    pb_task task;

    PB_TRY(begin_moving(s, prompts, x, &denoiser, &moved, run, error));
    status = pb_ddim_spaced(s->schedule, denoiser, x->shape[0], pb_item_size(x), moved.data,
                            &(pb_spaced_options){.spacing = spacing,
                                                 .steps = steps,
                                                 .steps_offset = s->info->steps_offset,
                                                 .set_alpha_to_one = s->info->set_alpha_to_one,
                                                 .clip = s->info->clip},
                            pb_task_begin(&task, "sampling", run), error);
    return end_moving(status, x, denoiser, &moved);
}
