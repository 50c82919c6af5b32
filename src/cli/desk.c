#include "cli/desk.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "io/noisy.h"
#include "picture/sheet.h"

pb_status pb_desk_open(pb_desk *d, pb_cli *cli, pb_error *error)
{
    *d = (pb_desk){.cli = cli};
    if (!cli->model)
        return pb_fail(error, PB_INVALID, "which model? --model MODEL");
    PB_TRY(pb_picture_start(cli->name, cli->threads, error));
    PB_TRY(pb_cli_open_model(&d->model, cli, error));
    if (cli->costs)
        PB_TRY(pb_model_set_costs(d->model, cli->costs, error));
    d->info = pb_model_get_info(d->model);
    d->schedule = pb_model_schedule(d->model);
    return pb_session_new(&d->session, d->model, error);
}

void pb_desk_close(pb_desk *d)
{
    pb_session_free(d->session);
    pb_model_free(d->model);
    *d = (pb_desk){0};
}

void pb_desk_tell_unclipped(pb_desk *d)
{
    if (d->told || !d->info->ignored)
        return;
    pb_note(d->cli, "%s of the model's scheduler is off in steps that must be reversible",
            d->info->ignored);
    d->told = 1;
}

/* -- reading -------------------------------------------------------------------------------------
 */

/* The images of a .safetensors, if they are of the session's model. */
static pb_status read_noisy(pb_tensor *tensor, const pb_desk *d, const char *path, pb_error *error)
{
    pb_noisy n = PB_NOISY_EMPTY;
    pb_status status = pb_noisy_read(&n, tensor, path, error);

    if (status == PB_OK)
        status = pb_check_model(d->model, n.model_hash, path, n.model, error);
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

pb_status pb_read_images(pb_tensor *tensor, const pb_desk *d, const char *path, size_t most,
                         pb_error *error)
{
    if (pb_has_ending(path, ".safetensors"))
        PB_TRY(read_noisy(tensor, d, path, error));
    PB_TRY(read_several(tensor, path, most, error));
    if (tensor->shape[1] == d->info->in_channels)
        return PB_OK;
    return fail_channels(tensor, path, d->info->latent ? "latents" : "images", d->info->in_channels,
                         d->info->latent ? " (encode makes latents of pictures)" : "", error);
}

pb_status pb_read_pictures(pb_tensor *tensor, pb_desk *d, const char *path, size_t most,
                           pb_error *error)
{
    size_t factor, channels;

    PB_TRY(pb_session_pixels(d->session, &factor, &channels, error));
    PB_TRY(read_several(tensor, path, most, error));
    if (tensor->shape[1] == channels)
        return PB_OK;
    return fail_channels(tensor, path, "pictures", channels,
                         d->info->latent ? " (latents are taken with --latents)" : "", error);
}

pb_status pb_read_basis_of(pb_basis *basis, const pb_desk *d, const char *path, pb_error *error)
{
    PB_TRY(pb_basis_read(basis, path, error));
    PB_TRY(pb_check_model(d->model, basis->model_hash, path, basis->model, error));
    return pb_basis_compatible(basis, d->model, 0, 0, error) == PB_OK
               ? PB_OK
               : pb_fail_in(error, PB_INVALID, "%s", path);
}

pb_status pb_model_of_basis(pb_cli *cli, const char *path, pb_error *error)
{
    pb_basis basis = PB_BASIS_EMPTY;
    char *name;

    if (cli->model)
        return PB_OK;
    PB_TRY(pb_basis_read(&basis, path, error));
    name = g_strdup(basis.model);
    g_ptr_array_add(cli->owned, name);
    cli->model = name;
    pb_basis_clear(&basis);
    return PB_OK;
}

/* -- writing -------------------------------------------------------------------------------------
 */

pb_status pb_write_images(const pb_tensor *images, pb_desk *d, const char *path,
                          const char *settings, pb_error *error)
{
    pb_tensor pictures = PB_TENSOR_EMPTY;
    pb_status status;

    if (pb_has_ending(path, ".npy"))
        return pb_npy_write(images, path, error);
    PB_TRY(pb_session_decode(d->session, images, &pictures, &d->cli->run, error));
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

pb_status pb_write_noisy(const pb_point *point, const pb_desk *d, const char *path, pb_error *error)
{
    const pb_prompts *p = &point->prompts;
    pb_noisy noisy = {.timestep = point->timestep,
                      .t = point->t,
                      .steps = point->steps,
                      .class_label = p->class_label,
                      .model = (char *)d->info->path,
                      .prompt = p->prompt,
                      .negative = p->negative_prompt,
                      .scale = p->prompt ? p->guidance_scale : 1};
    char hash[65];

    PB_TRY(pb_model_hash(d->model, hash, error));
    noisy.model_hash = hash;
    return pb_noisy_write(&noisy, &point->x, path, error);
}

pb_status pb_prompts_check(const pb_prompts *p, int guidance, pb_error *error)
{
    return p->negative_prompt && isnan(p->guidance_scale) && !guidance
               ? pb_fail(error, PB_INVALID,
                         "--negative-prompt acts where there is guidance: --guidance-scale W")
               : PB_OK;
}

void pb_prompts_describe(const pb_prompts *p, json_t *object)
{
    if (!p->prompt)
        return;
    json_object_set_new(object, "prompt", json_string(p->prompt));
    if (strcmp(p->edit_prompt, p->prompt))
        json_object_set_new(object, "edit_prompt", json_string(p->edit_prompt));
    json_object_set_new(object, "negative_prompt", json_string(p->negative_prompt));
    json_object_set_new(object, "guidance_scale", json_real(p->guidance_scale));
}
