#include "explore/exports.h"

#include <math.h>
#include <string.h>

#include "explore/basis_file.h"
#include "explore/preview.h"
#include "explore/project.h"
#include "picture/animation.h"
#include "picture/sheet.h"
#include "session/session.h"

#define ANIMATION_SIDE 512 /* pixels of the longer side, at most */
#define ANIMATION_STAGES 8 /* to each side */
#define ANIMATION_DELAY 80 /* ms */
#define ANIMATION_QUALITY 80

/* What an export works with. */
typedef struct job {
    pb_stages *stages;
    pb_bench *bench;
    const pb_order *order;
    const pb_run *run;
} job;

/* -- one picture, many pictures -----------------------------------------------------------------
 */

static pb_status make_picture(const job *j, const char *name, pb_bytes *bytes, pb_error *error)
{
    const size_t *shape = j->stages->edit.pictures.shape;
    const float *picture;
    char *settings, *lost = NULL;
    pb_pixels pixels = PB_PIXELS_EMPTY;
    pb_status status;
    pb_strip strip;

    PB_TRY(pb_stages_edit(j->stages, j->order, j->run, error));
    strip = pb_stages_strip(j->stages, &j->stages->edit);
    picture = pb_stages_picture(j->stages);
    settings = pb_strip_settings(&strip, j->stages->studio);
    if (strip.photo)
        status =
            pb_strip_encode_paste(&strip, picture, name, settings, PB_QUALITY, bytes, &lost, error);
    else {
        status =
            pb_image_draw(picture, shape[1], shape[2], shape[3], PB_TILE_IMAGE, &pixels, error);
        if (status == PB_OK)
            status = pb_pixels_encode(&pixels, name, settings, PB_QUALITY, bytes, error);
    }
    pb_pixels_clear(&pixels);
    free(settings);
    g_free(lost);
    return status;
}

/* The directions, and the order's choice of them, which is one. */
static pb_status choose(const job *j, pb_edit_options *how, pb_error *error)
{
    PB_TRY(pb_stages_directions(j->stages, j->order, j->run, error));
    PB_TRY(pb_stages_choose(j->stages, j->order, how, error));
    return j->stages->choice.count
               ? PB_OK
               : pb_fail(error, PB_INVALID, "all weights are 0: move a slider first");
}

/* The order's direction in stages to both sides. *edit is the caller's. stages: 0, as many as a
 * strip has. */
static pb_status edit_both(const job *j, size_t stages, pb_edit *edit, pb_error *error)
{
    pb_stages *s = j->stages;
    pb_edit_options how;

    PB_TRY(choose(j, &how, error));
    how.sides = PB_EDIT_BOTH;
    how.stages = 0;
    if (stages) {
        const size_t full =
            pb_session_edit_defaults(s->studio->session, &s->point, &how).iterations;
        const size_t most = (size_t)lround(how.strength * (double)full);
        how.stages = stages < most ? stages : most;
    }
    return pb_session_edit(s->studio->session, &s->point, &s->directions, &how, edit, j->run,
                           error);
}

static pb_status make_strip(const job *j, const char *name, pb_bytes *bytes, pb_error *error)
{
    pb_edit edit = PB_EDIT_EMPTY;
    pb_status status = edit_both(j, 0, &edit, error);
    const pb_strip strip = pb_stages_strip(j->stages, &edit);

    if (status == PB_OK)
        status = pb_strip_encode(1, &strip, j->stages->studio, name, bytes, error);
    pb_edit_clear(&edit);
    return status;
}

/* -- the animation ------------------------------------------------------------------------------
 */

/* One frame: the picture in its photo, or enlarged. photo: small, or NULL. */
static pb_status draw_frame(const pb_photo *photo, const pb_edit *edit, long stage,
                            pb_pixels *pixels, pb_error *error)
{
    const float *picture = pb_edit_picture(edit, 0, stage);
    const size_t *shape = edit->pictures.shape;

    if (!photo)
        return pb_sheet_draw(&(pb_sheet){.rows = 1,
                                         .columns = 1,
                                         .tiles = &picture,
                                         .c = shape[1],
                                         .h = shape[2],
                                         .w = shape[3],
                                         .marked = SIZE_MAX},
                             pixels, error);
    return pb_preview_paste(photo, edit, stage ? picture : NULL, pixels, error);
}

/* There and back again: 0 … +n … 0 … -n … -1. */
static pb_status encode_frames(const pb_pixels *frames, long n, pb_bytes *bytes, pb_error *error)
{
    const pb_pixels **order = g_new(const pb_pixels *, (gsize)(4 * n));
    size_t count = 0;
    pb_status status;

    for (long i = 0; i < 4 * n; i++) {
        long stage = i <= n ? i : i <= 3 * n ? 2 * n - i : i - 4 * n;
        order[count++] = &frames[n + stage];
    }
    status = pb_animation_encode(count, order, ANIMATION_DELAY, ANIMATION_QUALITY, bytes, error);
    g_free(order);
    return status;
}

static pb_status draw_frames(const job *j, const pb_edit *edit, pb_bytes *bytes, pb_error *error)
{
    const pb_source *source = &j->stages->source;
    long n = (long)edit->stages;
    pb_pixels *frames = g_new0(pb_pixels, (gsize)(2 * n + 1));
    pb_photo small = PB_PHOTO_EMPTY;
    const pb_pixels *whole = &source->photo.pixels;
    pb_status status = PB_OK;

    if (source->has_photo)
        status = pb_preview_shrink(&source->photo, ANIMATION_SIDE, whole->width, whole->height,
                                   &small, error);
    for (long stage = -n; status == PB_OK && stage <= n; stage++)
        status =
            draw_frame(source->has_photo ? &small : NULL, edit, stage, &frames[n + stage], error);
    if (status == PB_OK)
        status = encode_frames(frames, n, bytes, error);
    for (long i = 0; i <= 2 * n; i++)
        pb_pixels_clear(&frames[i]);
    pb_photo_clear(&small);
    g_free(frames);
    return status;
}

static pb_status make_animation(const job *j, const char *name, pb_bytes *bytes, pb_error *error)
{
    pb_edit edit = PB_EDIT_EMPTY;
    pb_status status = edit_both(j, ANIMATION_STAGES, &edit, error);

    (void)name;
    if (status == PB_OK)
        status = draw_frames(j, &edit, bytes, error);
    pb_edit_clear(&edit);
    return status;
}

/* -- files of other tools -----------------------------------------------------------------------
 */

pb_status pb_export_basis(pb_bench *bench, const pb_order *o, pb_bytes *bytes, const pb_run *run,
                          pb_error *error)
{
    pb_stages *s = pb_bench_stages(bench);

    if (o->carried.bytes)
        return pb_copy_bytes(o->carried.bytes, bytes, error);
    PB_TRY(pb_stages_directions(s, o, run, error));
    return pb_basis_to_bytes(&s->directions.basis, bytes, error);
}

static pb_status make_basis(const job *j, const char *name, pb_bytes *bytes, pb_error *error)
{
    (void)name;
    return pb_export_basis(j->bench, j->order, bytes, j->run, error);
}

/* The weighted sum, as a basis of one direction. */
static pb_status make_direction(const job *j, const char *name, pb_bytes *bytes, pb_error *error)
{
    pb_stages *s = j->stages;
    pb_tensor v = PB_TENSOR_EMPTY;
    pb_basis along = PB_BASIS_EMPTY;
    pb_edit_options how;
    pb_status status;

    (void)name;
    PB_TRY(choose(j, &how, error));
    status = pb_tensor_new(&v, 3, s->directions.v.shape + 1, error);
    for (size_t i = 0; status == PB_OK && i < s->choice.count; i++) {
        const size_t size = pb_tensor_count(&v);
        for (size_t k = 0; k < size; k++)
            v.data[k] +=
                (float)s->choice.weight[i] * s->directions.v.data[s->choice.number[i] * size + k];
    }
    if (status == PB_OK)
        status = pb_basis_along(&along, &s->directions.basis, &v, error);
    if (status == PB_OK)
        status = pb_basis_to_bytes(&along, bytes, error);
    pb_basis_clear(&along);
    pb_tensor_clear(&v);
    return status;
}

static pb_status make_mask(const job *j, const char *name, pb_bytes *bytes, pb_error *error)
{
    (void)name;
    return j->order->mask.bytes ? pb_copy_bytes(j->order->mask.bytes, bytes, error)
                                : pb_fail(error, PB_INVALID, "there is no mask");
}

static pb_status make_project(const job *j, const char *name, pb_bytes *bytes, pb_error *error)
{
    pb_bytes basis = {NULL, 0};
    pb_status status = pb_export_basis(j->bench, j->order, &basis, j->run, error);

    (void)name;
    if (status == PB_OK)
        status = pb_project_pack(j->order, &basis, bytes, error);
    pb_bytes_clear(&basis);
    return status;
}

/* -- all ----------------------------------------------------------------------------------------
 */

static const struct kind {
    const char *what, *middle, *ending; /* of the name; ending NULL: the order's format */
    pb_status (*make)(const job *, const char *, pb_bytes *, pb_error *);
} kinds[] = {
    {"photo", "edited", NULL, make_picture},
    {"strip", "strip", ".png", make_strip},
    {"animation", "animation", ".webp", make_animation},
    {"basis", "directions", ".safetensors", make_basis},
    {"direction", "direction", ".safetensors", make_direction},
    {"mask", "mask", ".png", make_mask},
    {"project", "project", ".pullback", make_project},
};

static const struct kind *kind_of(const char *what)
{
    for (size_t i = 0; what && i < G_N_ELEMENTS(kinds); i++)
        if (!strcmp(kinds[i].what, what))
            return &kinds[i];
    return NULL;
}

int pb_export_is_known(const char *what)
{
    return kind_of(what) != NULL;
}

/* The name that the command line reads, where it does. */
static char *name_of(const pb_order *o, const struct kind *k)
{
    char *ending, *name;

    if (k->make == make_basis && o->carried.bytes)
        return pb_order_carried_name(o);
    ending = k->ending ? g_strdup(k->ending) : g_strdup_printf(".%s", o->format);
    name = pb_order_name(o, k->middle, ending);
    g_free(ending);
    return name;
}

pb_status pb_export(pb_bench *bench, const pb_order *o, json_t **result, const pb_run *run,
                    pb_error *error)
{
    const job j = {pb_bench_stages(bench), bench, o, run};
    const struct kind *k = kind_of(o->what);
    char *name = name_of(o, k), *url;
    pb_bytes bytes = {NULL, 0};
    pb_status status = k->make(&j, name, &bytes, error);

    *result = NULL;
    if (status == PB_OK) {
        url = pb_shelf_put(o->shelf, o->tab, &bytes, name);
        *result = json_pack("{s:s, s:s}", "file", url, "name", name);
        g_free(url);
    }
    g_free(name);
    return status;
}
