#include "cli/strip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/progress.h"
#include "picture/sheet.h"

static size_t sides(const pb_strip *s)
{
    return s->one_side ? 1 : 2;
}

const float *pb_strip_image(const pb_strip *s, size_t d, long stage)
{
    const size_t *shape = s->images.shape;
    size_t size = shape[1] * shape[2] * shape[3], index = 0;

    if (stage != 0) {
        size_t side = !s->one_side && stage < 0, step = (size_t)labs(stage) - 1;
        index = 1 + (d * sides(s) + side) * s->stages + step;
    }
    return s->images.data + index * size;
}

long pb_strip_iteration(const pb_strip *s, long stage)
{
    long N = (long)s->guidance.iterations, stages = (long)s->stages;
    long j = labs(stage), iteration = (2 * j * N + stages) / (2 * stages);

    return stage < 0 ? -iteration : iteration;
}

/* The unit directions to go along: count times one side or both. */
static float *signed_directions(const pb_strip *s, const pb_tensor *v, size_t size)
{
    float *out = pb_malloc(s->count * sides(s) * size, sizeof *out), *to = out;

    if (!out)
        return NULL;
    for (size_t d = 0; d < s->count; d++)
        for (size_t side = 0; side < sides(s); side++, to += size) {
            float sign = side == 1 || s->one_side < 0 ? -1.0f : 1.0f;
            for (size_t i = 0; i < size; i++)
                to[i] = sign * v->data[s->direction[d] * size + i];
        }
    return out;
}

pb_status pb_strip_make(pb_strip *s, const pb_session *session, const float *x, const pb_tensor *v,
                        pb_error *error)
{
    size_t size = pb_session_image(session), edits = s->count * sides(s) * s->stages;
    const size_t shape[4] = {1 + edits, session->info->in_channels, session->height,
                             session->width};
    size_t boost = s->boost > 0
                       ? pb_grid_nearest(pb_schedule_length(session->schedule), s->steps, s->boost)
                       : SIZE_MAX;
    pb_progress_bar bar = pb_progress_begin(session->cli, "guiding");
    float *directions = NULL;
    pb_status status;

    PB_TRY(pb_tensor_new(&s->images, 4, shape, error));
    memcpy(s->images.data, x, size * sizeof *x);
    if (edits) {
        directions = signed_directions(s, v, size);
        if (!directions)
            return pb_fail_memory(error, s->count * sides(s) * size * sizeof *x, "directions");
        status =
            pb_guide(&session->denoiser, s->timestep, x, s->count * sides(s), directions,
                     &s->guidance, s->stages, s->images.data + size, pb_progress_step, &bar, error);
        pb_free(directions);
        if (status != PB_OK)
            return status;
    }
    return pb_session_move(session, "decoding", 1 + edits, s->images.data, s->grid, 0, s->steps,
                           boost, s->noise_seed, error);
}

pb_status pb_strip_paste(const pb_strip *s, const float *image, const pb_photo *photo,
                         const char *path, const char *settings, pb_error *error)
{
    const size_t *shape = s->images.shape;
    size_t size = shape[1] * shape[2] * shape[3];
    const float *middle = pb_strip_image(s, 0, 0);
    pb_pixels pixels = PB_PIXELS_EMPTY;
    float *difference = pb_malloc(size, sizeof *difference);
    pb_status status;

    if (!difference)
        return pb_fail_memory(error, size * sizeof *difference, "an edit");
    for (size_t i = 0; i < size; i++)
        difference[i] = image[i] - middle[i];
    status = pb_photo_paste(photo, difference, shape[1], shape[3], shape[2], &pixels, error);
    if (status == PB_OK)
        status = pb_pixels_write(&pixels, path, settings, error);
    pb_pixels_clear(&pixels);
    pb_free(difference);
    return status;
}

/* -- drawing --------------------------------------------------------------------------------- */

char *pb_strip_settings(const pb_strip *s, const pb_session *session, const pb_basis *basis)
{
    json_t *directions = json_array();
    json_t *object;
    char *text;

    for (size_t d = 0; d < s->count; d++)
        json_array_append_new(directions, json_integer((json_int_t)s->direction[d]));
    object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:i, s:o, s:f, s:f, s:i, s:i, s:f, s:I}",
                       "pullback", pb_version(), "model", session->info->path, "model_hash",
                       basis->model_hash, "from", basis->from, "tap", basis->to, "timestep",
                       s->timestep, "steps", (int)s->steps, "directions", directions, "edit_step",
                       s->guidance.step, "edit_scale", s->guidance.scale, "edit_iterations",
                       (int)s->guidance.iterations, "stages", (int)s->stages, "boost", s->boost,
                       "noise_seed", (json_int_t)s->noise_seed);
    text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(object);
    return text;
}

static char *caption(const pb_strip *s, const pb_session *session, const pb_basis *basis)
{
    char *name = g_path_get_basename(session->info->path);
    char *boost =
        s->boost > 0 ? g_strdup_printf("boost from t = %g", s->boost) : g_strdup("no boost");
    char *text = g_strdup_printf("%s, %s → %s, timestep %.4g of %zu\n"
                                 "edit step %g, scale %g, %zu iterations, %s",
                                 name, basis->from, basis->to, s->timestep,
                                 pb_schedule_length(session->schedule), s->guidance.step,
                                 s->guidance.scale, s->guidance.iterations, boost);

    g_free(name);
    g_free(boost);
    return text;
}

pb_status pb_strip_write(const pb_strip *s, const pb_session *session, const pb_basis *basis,
                         const char *path, pb_error *error)
{
    const size_t *shape = s->images.shape;
    long stages = (long)s->stages;
    size_t columns = 2 * s->stages + 1;
    char *text = caption(s, session, basis), *settings = pb_strip_settings(s, session, basis);
    const float **tiles = pb_calloc(s->count * columns, sizeof *tiles);
    GPtrArray *column = g_ptr_array_new_with_free_func(g_free);
    GPtrArray *row = g_ptr_array_new_with_free_func(g_free);
    pb_pixels pixels = PB_PIXELS_EMPTY;
    pb_status status;

    for (long stage = -stages; stage <= stages; stage++)
        g_ptr_array_add(column, stage ? g_strdup_printf("%s%ld", stage < 0 ? "−" : "+",
                                                        labs(pb_strip_iteration(s, stage)))
                                      : g_strdup("reconstruction"));
    for (size_t d = 0; d < s->count; d++) {
        g_ptr_array_add(row, g_strdup_printf("v%zu", s->direction[d]));
        for (long stage = -stages; tiles && stage <= stages; stage++)
            tiles[d * columns + (size_t)(stage + stages)] = pb_strip_image(s, d, stage);
    }
    if (!tiles)
        status = pb_fail_memory(error, s->count * columns * sizeof *tiles, "a strip");
    else
        status = pb_sheet_draw(&(pb_sheet){.rows = s->count,
                                           .columns = columns,
                                           .tiles = tiles,
                                           .c = shape[1],
                                           .h = shape[2],
                                           .w = shape[3],
                                           .row_labels = (const char *const *)row->pdata,
                                           .column_labels = (const char *const *)column->pdata,
                                           .marked = s->stages,
                                           .caption = text},
                               &pixels, error);
    if (status == PB_OK)
        status = pb_pixels_write(&pixels, path, settings, error);
    pb_pixels_clear(&pixels);
    g_ptr_array_unref(column);
    g_ptr_array_unref(row);
    pb_free(tiles);
    free(settings);
    g_free(text);
    return status;
}
