#include "cli/session.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/shape.h"
#include "cli/noisy.h"
#include "picture/sheet.h"
#include "terminal/progress.h"

pb_status pb_session_open(pb_session *session, const pb_cli *cli, long class_label,
                          const pb_text_options *text, pb_error *error)
{
    *session = (pb_session){.cli = cli, .class_label = class_label};
    if (!cli->model)
        return pb_fail(error, PB_INVALID, "which model? --model MODEL");
    PB_TRY(pb_picture_start(cli->name, cli->threads, error));
    PB_TRY(pb_cli_open_model(&session->model, cli, error));
    if (cli->costs)
        PB_TRY(pb_model_set_costs(session->model, cli->costs, error));
    session->info = pb_model_get_info(session->model);
    session->schedule = pb_model_schedule(session->model);
    return pb_prompts_open(&session->prompts, cli, session->model, text, error);
}

/* The height or width of images that directions at x are of, as an option; nothing of others. */
static char *size_hint(pb_session *s, size_t height, size_t width)
{
    const pb_basis *b = s->fits;
    const size_t *shape = b->samples ? b->v.shape + 2 : b->x.shape + 1;
    size_t factor, channels;

    if (strcmp(b->from, "x") || !(b->samples ? b->v.data : b->x.data) ||
        (shape[0] == height && shape[1] == width) ||
        pb_session_pixels(s, &factor, &channels, NULL) != PB_OK)
        return g_strdup("");
    return g_strdup_printf(" (of --height %zu --width %zu)", shape[0] * factor, shape[1] * factor);
}

static pb_status check_fit(pb_session *s, size_t height, size_t width, pb_error *error)
{
    char *hint;

    if (!s->fits || pb_basis_compatible(s->fits, s->model, height, width, error) == PB_OK)
        return PB_OK;
    hint = size_hint(s, height, width);
    pb_fail_in(error, PB_INVALID, "%s%s", s->fits_by, hint);
    g_free(hint);
    return PB_INVALID;
}

pb_status pb_session_size(pb_session *session, size_t height, size_t width, pb_error *error)
{
    const pb_run run = pb_progress_run(session->cli, NULL);

    PB_TRY(check_fit(session, height, width, error));
    pb_evaluator_free(session->evaluator);
    session->evaluator = NULL;
    PB_TRY(pb_evaluator_new(&session->evaluator, session->model, height, width, &run, error));
    session->height = height;
    session->width = width;
    return PB_OK;
}

void pb_session_close(pb_session *session)
{
    pb_prompts_close(&session->prompts);
    pb_autoencoder_free(session->autoencoder);
    pb_evaluator_free(session->evaluator);
    pb_model_free(session->model);
    *session = (pb_session){0};
}

size_t pb_session_image(const pb_session *session)
{
    return session->info->in_channels * session->height * session->width;
}

/* -- what the network predicts -------------------------------------------------------------------
 */

pb_condition pb_session_condition(const pb_session *s, pb_prompt_use use, double timestep)
{
    return (pb_condition){.timestep = timestep,
                          .class_label = s->class_label,
                          .context = s->prompts.embedding[use],
                          .tokens = s->prompts.tokens,
                          .width = s->info->context_width};
}

pb_status pb_session_editor(pb_denoiser **out, const pb_session *s, pb_error *error)
{
    const pb_condition condition = pb_session_condition(s, PB_EDIT_PROMPT, 0);

    return pb_denoiser_new(out, s->evaluator, &condition, NULL, 1, error);
}

/* The predictor of trajectories. */
static pb_status mover(pb_denoiser **out, const pb_session *s, pb_error *error)
{
    const pb_condition positive = pb_session_condition(s, PB_PROMPT, 0);
    const pb_condition negative = pb_session_condition(s, PB_NEGATIVE, 0);

    return pb_denoiser_new(out, s->evaluator, &positive, s->prompts.encoder ? &negative : NULL,
                           s->prompts.scale, error);
}

/* Says once that steps from one grid point to another do not clip, if some of them do not. */
static void tell_unclipped(pb_session *s, size_t from, size_t to, size_t boost)
{
    int all_clip = from > to && boost != SIZE_MAX && from <= boost;

    if (s->told || !s->info->ignored || from == to || all_clip)
        return;
    pb_note(s->cli, "%s of the model's scheduler is off in steps that must be reversible",
            s->info->ignored);
    s->told = 1;
}

pb_status pb_session_move(pb_session *session, const char *label, pb_tensor *x, size_t from,
                          size_t to, size_t steps, const pb_boost *boost, pb_error *error)
{
    pb_progress_bar bar = pb_progress_begin(session->cli, label);
    pb_ddim_options options = {.steps = steps, .boost = SIZE_MAX, .clip = session->info->clip};
    const pb_run run = pb_progress_run(session->cli, &bar);
    pb_denoiser *denoiser;
    pb_status status;

    if (boost && boost->t > 0) {
        options.boost = pb_grid_nearest(pb_schedule_length(session->schedule), steps, boost->t);
        options.noise_seed = boost->seed;
        options.own_noise = boost->own;
    }
    tell_unclipped(session, from, to, options.boost);
    PB_TRY(mover(&denoiser, session, error));
    status = pb_ddim(session->schedule, denoiser, x->shape[0], pb_item_size(x), x->data, from, to,
                     &options, &run, error);
    pb_denoiser_free(denoiser);
    return status;
}

pb_status pb_session_sample(const pb_session *session, pb_tensor *x, pb_spacing spacing,
                            size_t steps, pb_error *error)
{
    pb_progress_bar bar = pb_progress_begin(session->cli, "sampling");
    const pb_spaced_options options = {.spacing = spacing,
                                       .steps = steps,
                                       .steps_offset = session->info->steps_offset,
                                       .set_alpha_to_one = session->info->set_alpha_to_one,
                                       .clip = session->info->clip};
    const pb_run run = pb_progress_run(session->cli, &bar);
    pb_denoiser *denoiser;
    pb_status status;

    PB_TRY(mover(&denoiser, session, error));
    status = pb_ddim_spaced(session->schedule, denoiser, x->shape[0], pb_item_size(x), x->data,
                            &options, &run, error);
    pb_denoiser_free(denoiser);
    return status;
}

/* -- pictures ------------------------------------------------------------------------------------
 */

int pb_session_is_latent(const pb_session *s)
{
    return s->info->latent;
}

pb_status pb_session_pixels(pb_session *s, size_t *factor, size_t *channels, pb_error *error)
{
    pb_autoencoder_info info;

    *factor = 1;
    *channels = s->info->in_channels;
    if (!pb_session_is_latent(s))
        return PB_OK;
    if (!s->autoencoder)
        PB_TRY(pb_autoencoder_open(&s->autoencoder, s->model, error));
    info = pb_autoencoder_get_info(s->autoencoder);
    *factor = info.factor;
    *channels = info.channels;
    return PB_OK;
}

/* A height or width in pixels, 0: not given; one position of the network is `factor` of them. */
static pb_status check_size(const char *option, size_t pixels, const pb_model_info *info,
                            size_t factor, pb_error *error)
{
    size_t multiple = factor * info->size_multiple, least = factor * info->size_least;

    if (pixels == 0 || (pixels % multiple == 0 && pixels >= least))
        return PB_OK;
    return pb_fail(error, PB_INVALID, "%s %zu: expected multiples of %zu pixels from %zu on",
                   option, pixels, multiple, least);
}

pb_status pb_session_choose_size(pb_session *s, size_t pixel_height, size_t pixel_width,
                                 size_t *height, size_t *width, pb_error *error)
{
    size_t factor, channels;

    *height = s->info->sample_height;
    *width = s->info->sample_width;
    if (!pixel_height && !pixel_width)
        return PB_OK;
    PB_TRY(pb_session_pixels(s, &factor, &channels, error));
    PB_TRY(check_size("--height", pixel_height, s->info, factor, error));
    PB_TRY(check_size("--width", pixel_width, s->info, factor, error));
    *height = pixel_height ? pixel_height / factor : *height;
    *width = pixel_width ? pixel_width / factor : *width;
    return PB_OK;
}

/* Runs one way, and puts the result in the place of the tensor. */
static pb_status convert(pb_session *s, pb_tensor *tensor, int encode, pb_error *error)
{
    const pb_run run = pb_progress_run(s->cli, NULL);
    pb_tensor result = PB_TENSOR_EMPTY;
    size_t factor, channels;

    if (!pb_session_is_latent(s))
        return PB_OK;
    PB_TRY(pb_session_pixels(s, &factor, &channels, error));
    PB_TRY((encode ? pb_encode : pb_decode)(s->autoencoder, tensor, &result, &run, error));
    pb_tensor_clear(tensor);
    *tensor = result;
    return PB_OK;
}

pb_status pb_session_encode(pb_session *session, pb_tensor *tensor, pb_error *error)
{
    return convert(session, tensor, 1, error);
}

pb_status pb_session_decode(pb_session *session, pb_tensor *tensor, pb_error *error)
{
    return convert(session, tensor, 0, error);
}

/* -- files ---------------------------------------------------------------------------------------
 */

/* The images of a .safetensors, if they are of the session's model. */
static pb_status read_noisy(pb_tensor *tensor, const pb_session *s, const char *path,
                            pb_error *error)
{
    pb_noisy n = PB_NOISY_EMPTY;
    pb_status status = pb_noisy_read(&n, tensor, path, error);

    if (status == PB_OK)
        status = pb_check_model(s->model, n.model_hash, path, n.model, error);
    if (status != PB_OK)
        pb_tensor_clear(tensor);
    pb_noisy_clear(&n);
    return status;
}

/* 1 to `most` tensors (n,c,h,w) of a .npy, or of a .safetensors, which is read already. */
static pb_status read_several(pb_tensor *tensor, const char *path, size_t most, pb_error *error)
{
    size_t *shape = tensor->shape;

    if (!pb_has_ending(path, ".safetensors"))
        PB_TRY(pb_npy_read(tensor, path, error));
    if (tensor->rank == 3) {
        memmove(shape + 1, shape, 3 * sizeof *shape);
        shape[0] = 1;
        tensor->rank = 4;
    }
    if (tensor->rank == 4 && shape[0] >= 1 && shape[0] <= most)
        return PB_OK;
    pb_tensor_clear(tensor);
    return pb_fail(error, PB_INVALID, "%s: expected %s (%s, channels, height, width)", path,
                   most == 1 ? "one image" : "images", most == 1 ? "1" : "n");
}

static pb_status fail_channels(pb_tensor *tensor, const char *path, const char *what,
                               size_t channels, const char *hint, pb_error *error)
{
    size_t found = tensor->shape[1];

    pb_tensor_clear(tensor);
    return pb_fail(error, PB_INVALID, "%s: expected %s of %zu channels, found %zu%s", path, what,
                   channels, found, hint);
}

pb_status pb_read_images(pb_tensor *tensor, const pb_session *s, const char *path, size_t most,
                         pb_error *error)
{
    if (pb_has_ending(path, ".safetensors"))
        PB_TRY(read_noisy(tensor, s, path, error));
    PB_TRY(read_several(tensor, path, most, error));
    if (tensor->shape[1] == s->info->in_channels)
        return PB_OK;
    return fail_channels(
        tensor, path, pb_session_is_latent(s) ? "latents" : "images", s->info->in_channels,
        pb_session_is_latent(s) ? " (encode makes latents of pictures)" : "", error);
}

pb_status pb_read_latents(pb_tensor *tensor, pb_session *s, const char *path, size_t most,
                          pb_error *error)
{
    if (!pb_session_is_latent(s))
        return pb_fail(error, PB_INVALID, "--latents: %s works on pictures as they are",
                       s->info->path);
    return pb_read_images(tensor, s, path, most, error);
}

pb_status pb_read_pictures(pb_tensor *tensor, pb_session *s, const char *path, size_t most,
                           pb_error *error)
{
    size_t factor, channels;

    PB_TRY(pb_session_pixels(s, &factor, &channels, error));
    PB_TRY(read_several(tensor, path, most, error));
    if (tensor->shape[1] == channels)
        return pb_session_encode(s, tensor, error);
    return fail_channels(tensor, path, "pictures", channels,
                         pb_session_is_latent(s) ? " (latents are taken with --latents)" : "",
                         error);
}

pb_status pb_write_images(const pb_tensor *images, pb_session *session, const char *path,
                          const char *settings, pb_error *error)
{
    pb_tensor pictures = PB_TENSOR_EMPTY;
    pb_status status;

    if (pb_has_ending(path, ".npy") || !pb_session_is_latent(session))
        return pb_write_pictures(images, path, settings, error);
    PB_TRY(pb_tensor_new(&pictures, 4, images->shape, error));
    memcpy(pictures.data, images->data, pb_tensor_count(images) * sizeof *pictures.data);
    status = pb_session_decode(session, &pictures, error);
    if (status == PB_OK)
        status = pb_write_pictures(&pictures, path, settings, error);
    pb_tensor_clear(&pictures);
    return status;
}

pb_status pb_write_pictures(const pb_tensor *images, const char *path, const char *settings,
                            pb_error *error)
{
    size_t n = images->shape[0], c = images->shape[1], h = images->shape[2], w = images->shape[3];
    size_t columns = (size_t)ceil(sqrt((double)n)), rows = (n + columns - 1) / columns;
    pb_pixels pixels = PB_PIXELS_EMPTY;
    const float **tiles;
    pb_status status;

    if (pb_has_ending(path, ".npy"))
        return pb_npy_write(images, path, error);
    tiles = pb_calloc(rows * columns, sizeof *tiles);
    if (!tiles)
        return pb_fail_memory(error, rows * columns * sizeof *tiles, "a picture");
    for (size_t i = 0; i < n; i++)
        tiles[i] = images->data + i * c * h * w;
    if (n == 1)
        status = pb_image_draw(tiles[0], c, h, w, PB_TILE_IMAGE, &pixels, error);
    else
        status = pb_sheet_draw(&(pb_sheet){.rows = rows,
                                           .columns = columns,
                                           .tiles = tiles,
                                           .c = c,
                                           .h = h,
                                           .w = w,
                                           .marked = SIZE_MAX},
                               &pixels, error);
    if (status == PB_OK)
        status = pb_pixels_write(&pixels, path, settings, error);
    pb_pixels_clear(&pixels);
    pb_free(tiles);
    return status;
}

pb_status pb_write_noisy(const pb_tensor *images, const pb_session *s, double timestep, double t,
                         size_t steps, const char *path, pb_error *error)
{
    pb_noisy noisy = {.timestep = timestep,
                      .t = t,
                      .steps = steps,
                      .class_label = s->class_label,
                      .model = (char *)s->info->path,
                      .prompt = s->prompts.text[PB_PROMPT],
                      .negative = s->prompts.text[PB_NEGATIVE],
                      .scale = s->prompts.encoder ? s->prompts.scale : 1};
    char hash[65];

    PB_TRY(pb_model_hash(s->model, hash, error));
    noisy.model_hash = hash;
    return pb_noisy_write(&noisy, images, path, error);
}
