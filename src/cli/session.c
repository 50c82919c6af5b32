#include "cli/session.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "cli/progress.h"
#include "picture/sheet.h"

pb_status pb_session_open(pb_session *session, const pb_cli *cli, long class_label, pb_error *error)
{
    *session = (pb_session){.cli = cli, .class_label = class_label};
    if (!cli->model)
        return pb_fail(error, PB_INVALID, "which model? --model MODEL");
    PB_TRY(pb_picture_start(cli->name, cli->threads, error));
    PB_TRY(pb_model_open(&session->model, cli->model, error));
    if (cli->costs)
        PB_TRY(pb_model_set_costs(session->model, cli->costs, error));
    session->info = pb_model_get_info(session->model);
    session->schedule = pb_model_schedule(session->model);
    return PB_OK;
}

pb_status pb_session_size(pb_session *session, size_t height, size_t width, pb_error *error)
{
    const pb_condition condition = {.class_label = session->class_label};

    PB_TRY(pb_evaluator_new(&session->evaluator, session->model, height, width,
                            session->cli->memory, error));
    session->height = height;
    session->width = width;
    session->denoiser = pb_evaluator_denoiser(session->evaluator, &condition);
    return PB_OK;
}

void pb_session_close(pb_session *session)
{
    pb_evaluator_free(session->evaluator);
    pb_model_free(session->model);
    *session = (pb_session){0};
}

size_t pb_session_image(const pb_session *session)
{
    return session->info->in_channels * session->height * session->width;
}

pb_status pb_session_move(const pb_session *session, const char *label, size_t n, float *x,
                          size_t from, size_t to, size_t steps, size_t boost, uint64_t noise_seed,
                          pb_error *error)
{
    pb_progress_bar bar = pb_progress_begin(session->cli, label);
    const pb_ddim_options options = {.steps = steps,
                                     .boost = boost,
                                     .noise_seed = noise_seed,
                                     .progress = pb_progress_step,
                                     .progress_context = &bar};

    return pb_ddim(session->schedule, &session->denoiser, n, x, from, to, &options, error);
}

pb_status pb_read_images(pb_tensor *tensor, const pb_session *session, const char *path,
                         size_t most, pb_error *error)
{
    size_t c = session->info->in_channels, *shape = tensor->shape;

    PB_TRY(pb_npy_read(tensor, path, error));
    if (tensor->rank == 3) {
        memmove(shape + 1, shape, 3 * sizeof *shape);
        shape[0] = 1;
        tensor->rank = 4;
    }
    if (tensor->rank == 4 && shape[0] >= 1 && shape[0] <= most && shape[1] == c)
        return PB_OK;
    pb_tensor_clear(tensor);
    return pb_fail(error, PB_INVALID, "%s: expected %s (%s, %zu, height, width)", path,
                   most == 1 ? "one image" : "images", most == 1 ? "1" : "n", c);
}

pb_status pb_write_images(const pb_tensor *images, const char *path, const char *settings,
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
