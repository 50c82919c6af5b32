#include "study/report/thumbnails.h"

#include <string.h>

#include "base/memory.h"
#include "picture/sheet.h"
#include "study/store/folder.h"

#define THUMBNAIL 128 /* the longer side, at most */
#define COLUMNS 10

/* All thumbnails of a sheet: of one size, in three channels. */
typedef struct thumbnails {
    size_t columns, rows; /* rows of all models */
    size_t height, width; /* 0 before the first */
    pb_tensor *images;    /* rows * columns */
    const float **tiles;
    const char **labels, **models; /* of tiles, and of rows */
} thumbnails;

static void thumbnails_end(thumbnails *t)
{
    for (size_t i = 0; t->images && t->labels && i < t->rows * t->columns; i++) {
        pb_tensor_clear(&t->images[i]);
        pb_free((char *)t->labels[i]);
    }
    pb_free(t->images);
    pb_free(t->tiles);
    pb_free(t->labels);
    pb_free(t->models);
}

static pb_status thumbnails_begin(thumbnails *t, const pb_study_plan *p, pb_error *error)
{
    size_t count;

    t->columns = p->samples < COLUMNS ? p->samples : COLUMNS;
    t->rows = p->options->model_count * ((p->samples + t->columns - 1) / t->columns);
    count = t->rows * t->columns;
    t->images = pb_calloc(count, sizeof *t->images);
    t->tiles = pb_calloc(count, sizeof *t->tiles);
    t->labels = pb_calloc(count, sizeof *t->labels);
    t->models = pb_calloc(t->rows, sizeof *t->models);
    if (t->images && t->tiles && t->labels && t->models)
        return PB_OK;
    return pb_fail_memory(error, count * sizeof *t->images, "thumbnails");
}

/* Reads a sample's picture, at the size of the first one's thumbnail. */
static pb_status add(thumbnails *t, pb_workshop *w, size_t model, size_t sample, pb_error *error)
{
    const pb_study_plan *p = w->plan;
    size_t row = model * (t->rows / p->options->model_count) + sample / t->columns;
    size_t at = row * t->columns + sample % t->columns, longer, factor;
    pb_photo photo = PB_PHOTO_EMPTY;
    pb_status status = pb_workshop_picture(w, pb_plan_picture(p, model, sample), &photo, error);

    if (status == PB_OK && !t->width) {
        longer =
            photo.pixels.width > photo.pixels.height ? photo.pixels.width : photo.pixels.height;
        factor = (longer + THUMBNAIL - 1) / THUMBNAIL;
        t->width = (photo.pixels.width + factor - 1) / factor;
        t->height = (photo.pixels.height + factor - 1) / factor;
    }
    if (status == PB_OK)
        status = pb_photo_tensor(&photo, 3, t->width, t->height, &t->images[at], error);
    t->tiles[at] = t->images[at].data;
    t->labels[at] = pb_sprintf("seed %llu", (unsigned long long)p->options->seed + sample);
    if (sample == 0)
        t->models[row] = p->models[model].label;
    else if (sample % t->columns == 0)
        t->models[row] = "";
    if (status == PB_OK && !t->labels[at])
        status = pb_fail_memory(error, 1, "a label");
    pb_photo_clear(&photo);
    return status;
}

pb_status pb_thumbnails_write(pb_workshop *w, pb_error *error)
{
    const pb_study_plan *p = w->plan;
    thumbnails t = {0};
    pb_pixels pixels = PB_PIXELS_EMPTY;
    char *path;
    pb_status status;

    if (p->options->image_count)
        return PB_OK;
    path = pb_in_folder(p->options, PB_SAMPLES_NAME, error);
    status = path ? thumbnails_begin(&t, p, error) : PB_MEMORY;
    for (size_t m = 0; status == PB_OK && m < p->options->model_count; m++)
        for (size_t s = 0; status == PB_OK && s < p->samples; s++)
            status = add(&t, w, m, s, error);
    if (status == PB_OK) {
        const pb_sheet sheet = {.rows = t.rows,
                                .columns = t.columns,
                                .tiles = t.tiles,
                                .c = 3,
                                .h = t.height,
                                .w = t.width,
                                .style = PB_TILE_IMAGE,
                                .row_labels = p->options->model_count > 1 ? t.models : NULL,
                                .tile_labels = t.labels,
                                .marked = SIZE_MAX};
        status = pb_sheet_draw(&sheet, &pixels, error);
    }
    if (status == PB_OK)
        status = pb_pixels_write(&pixels, path, NULL, error);
    pb_pixels_clear(&pixels);
    thumbnails_end(&t);
    pb_free(path);
    return status;
}
