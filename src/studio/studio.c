#include "studio/studio.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/ending.h"
#include "base/memory.h"
#include "base/shape.h"
#include "io/loras.h"
#include "io/noisy.h"
#include "picture/sheet.h"
#include "session/session.h"

pb_status pb_studio_open(pb_studio *s, const char *name, pb_model *model, pb_error *error)
{
    *s = (pb_studio){.name = name,
                     .model = model,
                     .info = pb_model_get_info(model),
                     .schedule = pb_model_schedule(model)};
    return pb_session_new(&s->session, model, error);
}

void pb_studio_close(pb_studio *s)
{
    pb_session_free(s->session);
    pb_model_free(s->model);
    *s = (pb_studio){0};
}

pb_status pb_check_model(const pb_model *model, const char *hash, const char *path,
                         const char *name, const char *loras, pb_error *error)
{
    char own[65], *own_loras;
    bool other;

    if (!hash || !*hash)
        return PB_OK;
    PB_TRY(pb_model_hash(model, own, NULL, error));
    if (!strcmp(own, hash))
        return PB_OK;
    PB_TRY(pb_model_describe_loras(model, &own_loras, NULL, error));
    loras = loras && *loras ? loras : NULL;
    other = !loras != !own_loras || (loras && strcmp(loras, own_loras));
    if (other)
        pb_fail(
            error, PB_INVALID,
            "%s was computed with other LoRAs than are given here: expected %s, found %s (--lora "
            "FILE:WEIGHT gives one)",
            path, pb_loras_words(loras).text, pb_loras_words(own_loras).text);
    pb_text_free(own_loras);
    if (other)
        return PB_INVALID;
    return pb_fail(error, PB_INVALID,
                   "%s was computed with another model than this, or with other files of it "
                   "(weights, configs or noise schedule): %s",
                   path, name ? name : "unnamed");
}

/* -- reading -------------------------------------------------------------------------------------
 */

/* The images of a .safetensors, if they are of the session's model. */
static pb_status read_noisy(pb_tensor *tensor, const pb_studio *s, const char *path,
                            pb_error *error)
{
    pb_noisy n = PB_NOISY_EMPTY;
    pb_status status = pb_noisy_read(&n, tensor, path, error);

    if (status == PB_OK)
        status = pb_check_model(s->model, n.model_hash, path, n.model, n.loras, error);
    if (status != PB_OK)
        pb_tensor_clear(tensor);
    pb_noisy_clear(&n);
    return status;
}

/* 1 to `most` tensors (n,c,h,w) of a .npy, or of a .safetensors, which is read already. */
static pb_status read_several(pb_tensor *tensor, const char *path, size_t most, pb_error *error)
{
    const size_t *shape = tensor->shape;

    if (!pb_has_ending(path, ".safetensors"))
        PB_TRY(pb_npy_read(tensor, path, error));
    pb_shape_batch(tensor);
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

pb_status pb_read_images(pb_tensor *tensor, const pb_studio *s, const char *path, size_t most,
                         pb_error *error)
{
    if (pb_has_ending(path, ".safetensors"))
        PB_TRY(read_noisy(tensor, s, path, error));
    PB_TRY(read_several(tensor, path, most, error));
    if (tensor->shape[1] == s->info->in_channels)
        return PB_OK;
    return fail_channels(tensor, path, s->info->latent ? "latents" : "images", s->info->in_channels,
                         s->info->latent ? " (encode makes latents of pictures)" : "", error);
}

pb_status pb_read_pictures(pb_tensor *tensor, const pb_studio *s, const char *path, size_t most,
                           pb_error *error)
{
    size_t factor, channels;

    PB_TRY(pb_session_pixels(s->session, &factor, &channels, error));
    PB_TRY(read_several(tensor, path, most, error));
    if (tensor->shape[1] == channels)
        return PB_OK;
    return fail_channels(tensor, path, "pictures", channels,
                         s->info->latent ? " (latents are to be given as such)" : "", error);
}

pb_status pb_read_basis_of(pb_basis *basis, const pb_studio *s, const char *path, pb_error *error)
{
    PB_TRY(pb_basis_read(basis, path, error));
    PB_TRY(pb_check_model(s->model, basis->model_hash, path, basis->model, basis->loras, error));
    return pb_basis_compatible(basis, s->model, 0, 0, error) == PB_OK
               ? PB_OK
               : pb_fail_in(error, PB_INVALID, "%s", path);
}

/* -- writing -------------------------------------------------------------------------------------
 */

pb_status pb_write_images(const pb_tensor *images, const pb_studio *s, const char *path,
                          const char *settings, const pb_run *run, pb_error *error)
{
    pb_tensor pictures = PB_TENSOR_EMPTY;
    pb_status status;

    if (pb_has_ending(path, ".npy"))
        return pb_npy_write(images, path, error);
    PB_TRY(pb_session_decode(s->session, images, &pictures, run, error));
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

pb_status pb_write_enlarged(const float *picture, const size_t shape[3], const char *path,
                            pb_error *error)
{
    pb_pixels pixels = PB_PIXELS_EMPTY;
    pb_status status = pb_sheet_draw(&(pb_sheet){.rows = 1,
                                                 .columns = 1,
                                                 .tiles = &picture,
                                                 .c = shape[0],
                                                 .h = shape[1],
                                                 .w = shape[2],
                                                 .marked = SIZE_MAX},
                                     &pixels, error);

    if (status == PB_OK)
        status = pb_pixels_write(&pixels, path, NULL, error);
    pb_pixels_clear(&pixels);
    return status;
}

pb_status pb_write_look(const pb_tensor *image, const pb_studio *s, const char *path,
                        const pb_run *run, pb_error *error)
{
    pb_tensor picture = PB_TENSOR_EMPTY;
    pb_status status = pb_session_decode(s->session, image, &picture, run, error);

    if (status == PB_OK)
        status = pb_write_enlarged(picture.data, picture.shape + 1, path, error);
    pb_tensor_clear(&picture);
    return status;
}

pb_status pb_write_noisy(const pb_point *point, const pb_studio *s, const char *path,
                         pb_error *error)
{
    const pb_prompts *p = &point->prompts;
    pb_sizes_text sizes = pb_sizes_write(&p->sizes);
    pb_noisy noisy = {.timestep = point->timestep,
                      .t = point->t,
                      .steps = point->steps,
                      .class_label = p->class_label,
                      .model = (char *)s->info->path,
                      .prediction = (char *)pb_prediction_name(pb_schedule_prediction(s->schedule)),
                      .schedule = (char *)pb_schedule_kind(s->schedule),
                      .schedule_hash = (char *)pb_schedule_hash(s->schedule),
                      .trajectory_prompt = (char *)p->prompt,
                      .negative_prompt = (char *)p->negative_prompt,
                      .sizes = s->info->pooled_width ? sizes.text : NULL,
                      .guidance_scale = p->prompt ? p->guidance_scale : 1};
    char hash[65];

    pb_status status;

    PB_TRY(pb_model_hash(s->model, hash, NULL, error));
    noisy.model_hash = hash;
    PB_TRY(pb_model_describe_loras(s->model, &noisy.loras, NULL, error));
    status = pb_noisy_write(&noisy, &point->x, path, error);
    pb_text_free(noisy.loras);
    return status;
}
