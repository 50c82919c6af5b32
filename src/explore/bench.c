#include "explore/bench.h"

#include <string.h>

#include "diffusion/schedule.h"
#include "explore/command.h"
#include "explore/preview.h"
#include "explore/wishes.h"
#include "io/json.h"
#include "picture/sheet.h"
#include "session/session.h"

#define LONGEST 1024 /* pixels of a photo that is shown */
#define PHOTO_QUALITY 88
#define QUICK 50000000      /* parameters */
#define COARSE_STEPS 5      /* down from t to a card's picture */
#define COARSE_ITERATIONS 3 /* of its guidance */
#define MOST_EDITS 64       /* that are remembered */

struct pb_bench {
    pb_stages stages;
    unsigned long generation; /* of the directions that the edits below are along */
    GQueue edits;             /* of {"key", "edit"}, the last first */
};

pb_bench *pb_bench_new(pb_studios *studios, const char *const *taster)
{
    pb_bench *b = g_new0(pb_bench, 1);

    pb_stages_init(&b->stages, studios, taster);
    g_queue_init(&b->edits);
    return b;
}

static void forget_edits(pb_bench *b)
{
    while (b->edits.head)
        json_decref(g_queue_pop_head(&b->edits));
}

void pb_bench_forget(pb_bench *b)
{
    forget_edits(b);
    pb_stages_clear(&b->stages);
}

void pb_bench_free(pb_bench *b)
{
    if (!b)
        return;
    pb_bench_forget(b);
    g_free(b);
}

size_t pb_bench_bytes(const pb_bench *b)
{
    return pb_stages_bytes(&b->stages);
}

pb_stages *pb_bench_stages(pb_bench *b)
{
    return &b->stages;
}

int pb_bench_is_quick(const pb_bench *b)
{
    return b->stages.studio->info->parameters <= QUICK;
}

/* -- pictures --------------------------------------------------------------------------------- */

/* Adds the URL of pixels, which become a file on the shelf, to an object. */
static pb_status add_pixels(const pb_order *o, json_t *object, const char *name,
                            const pb_pixels *pixels, const char *file, pb_error *error)
{
    pb_bytes bytes = {NULL, 0};
    char *url;

    PB_TRY(pb_pixels_encode(pixels, file, NULL, PHOTO_QUALITY, &bytes, error));
    url = pb_shelf_put(o->shelf, o->tab, &bytes, file);
    json_object_set_new(object, name, json_string(url));
    g_free(url);
    return PB_OK;
}

/* Adds the URL of a picture (c,h,w) in [-1, 1] to an object. */
static pb_status add_picture(const pb_order *o, json_t *object, const char *name,
                             const float *picture, const size_t shape[3], pb_error *error)
{
    pb_pixels pixels = PB_PIXELS_EMPTY;
    pb_status status =
        pb_image_draw(picture, shape[0], shape[1], shape[2], PB_TILE_IMAGE, &pixels, error);

    if (status == PB_OK)
        status = add_pixels(o, object, name, &pixels, "picture.png", error);
    pb_pixels_clear(&pixels);
    return status;
}

/* An image (1,c,h,w) as the network sees it, to be looked at. */
static pb_status add_image(pb_bench *b, const pb_order *o, json_t *object, const char *name,
                           const pb_tensor *image, const pb_run *run, pb_error *error)
{
    pb_tensor picture = PB_TENSOR_EMPTY;
    pb_status status = pb_session_decode(b->stages.studio->session, image, &picture, run, error);

    if (status == PB_OK)
        status = add_picture(o, object, name, picture.data, picture.shape + 1, error);
    pb_tensor_clear(&picture);
    return status;
}

/* Hands an object on, or throws it away. */
static pb_status give(json_t **out, json_t *object, pb_status status)
{
    *out = NULL;
    if (status == PB_OK)
        *out = object;
    else
        json_decref(object);
    return status;
}

/* -- looking ---------------------------------------------------------------------------------- */

/* The whole photo, made smaller. */
static pb_status add_whole(const pb_order *o, json_t *object, const pb_photo *photo,
                           pb_error *error)
{
    pb_pixels pixels = PB_PIXELS_EMPTY;
    pb_status status = pb_photo_shrink(photo, LONGEST, &pixels, error);

    if (status == PB_OK)
        status = add_pixels(o, object, "picture", &pixels, "picture.jpg", error);
    pb_pixels_clear(&pixels);
    return status;
}

/* The part that the model sees, as the photo has it; edit: with what it changes, or NULL. */
static pb_status add_close(pb_bench *b, const pb_order *o, json_t *object, const pb_edit *edit,
                           pb_error *error)
{
    const float *picture = edit ? pb_stages_picture(&b->stages) : NULL;
    pb_pixels all = PB_PIXELS_EMPTY, close = PB_PIXELS_EMPTY;
    const pb_photo *photo;
    pb_status status;

    PB_TRY(pb_stages_close(&b->stages, &photo, error));
    status = pb_preview_paste(photo, edit, picture, &all, error);
    if (status == PB_OK)
        status = pb_preview_cut(photo, &all, &close, error);
    if (status == PB_OK)
        status = add_pixels(o, object, "close", &close, "picture.jpg", error);
    pb_pixels_clear(&all);
    pb_pixels_clear(&close);
    return status;
}

pb_status pb_bench_photo(pb_bench *b, const pb_order *o, json_t **out, const pb_run *run,
                         pb_error *error)
{
    const pb_source *source = &b->stages.source;
    const pb_photo *photo = &source->photo;
    json_t *faces, *object;
    pb_status status;

    *out = NULL;
    PB_TRY(pb_stages_source(&b->stages, o, run, error));
    if (!source->has_photo)
        return PB_OK;
    faces = json_array();
    for (size_t i = 0; i < photo->faces; i++)
        json_array_append_new(faces, pb_area_json(&photo->face[i]));
    object = json_pack("{s:s, s:I, s:I, s:o, s:o}", "name", o->photo.name, "width",
                       (json_int_t)photo->pixels.width, "height", (json_int_t)photo->pixels.height,
                       "area", pb_area_json(&photo->area), "faces", faces);
    status = add_whole(o, object, photo, error);
    if (status == PB_OK)
        status = add_close(b, o, object, NULL, error);
    if (status == PB_OK)
        status = add_picture(o, object, "seen", source->array.data, source->array.shape + 1, error);
    return give(out, object, status);
}

pb_status pb_bench_grid(pb_bench *b, const pb_order *o, json_t **out, const pb_run *run,
                        pb_error *error)
{
    const size_t steps = (size_t)pb_wish_number(o->wishes, "steps");
    size_t T;

    *out = NULL;
    PB_TRY(pb_stages_source(&b->stages, o, run, error));
    T = pb_schedule_length(b->stages.studio->schedule);
    *out = json_array();
    for (size_t i = 1; i < steps && steps <= T; i++)
        json_array_append_new(*out, json_real(pb_grid_time(T, steps, i) / (double)T));
    return PB_OK;
}

pb_status pb_bench_noisy(pb_bench *b, const pb_order *o, json_t **out, const pb_run *run,
                         pb_error *error)
{
    const pb_point *point = &b->stages.point;
    json_t *object;

    *out = NULL;
    PB_TRY(pb_stages_point(&b->stages, o, run, error));
    object = json_pack("{s:f, s:f}", "t", point->t, "timestep", point->timestep);
    return give(out, object, add_image(b, o, object, "picture", &point->x, run, error));
}

pb_status pb_bench_mask(pb_bench *b, const pb_order *o, json_t **out, const pb_run *run,
                        pb_error *error)
{
    const pb_source *source = &b->stages.source;
    const pb_tensor *mask;
    float *picture;
    json_t *object;
    size_t n;
    pb_status status;

    *out = NULL;
    PB_TRY(pb_stages_mask(&b->stages, o, run, error));
    mask = source->blend.data ? &source->blend : &source->mask;
    n = pb_tensor_count(mask);
    picture = g_new(float, n);
    for (size_t i = 0; i < n; i++)
        picture[i] = 2 * mask->data[i] - 1;
    object = json_object();
    status = add_picture(o, object, "picture", picture,
                         (size_t[]){1, mask->shape[0], mask->shape[1]}, error);
    g_free(picture);
    return give(out, object, status);
}

/* -- finding ---------------------------------------------------------------------------------- */

/* How cards are edited: less often and in larger steps than pictures to be kept. */
static pb_edit_options coarse_options(const pb_stages *s, const pb_order *o)
{
    pb_edit_options how = pb_stages_options(s, o);
    const pb_edit_options fine = pb_session_edit_defaults(s->studio->session, &s->point, &how);

    how.sides = PB_EDIT_BOTH;
    how.strength = 1;
    how.stride = (s->point.grid + COARSE_STEPS - 1) / COARSE_STEPS;
    if (how.mode == PB_EDIT_GUIDANCE && fine.iterations > COARSE_ITERATIONS) {
        how.iterations = COARSE_ITERATIONS;
        how.scale = fine.scale * (double)fine.iterations / COARSE_ITERATIONS;
    }
    return how;
}

static pb_status draw_card(const pb_order *o, const pb_edit *edit, size_t i, json_t *cards,
                           pb_error *error)
{
    const size_t *shape = edit->pictures.shape + 1;
    json_t *card =
        json_pack("{s:I, s:f}", "direction", (json_int_t)i, "change", pb_edit_change(edit, i));

    json_array_append_new(cards, card);
    PB_TRY(add_picture(o, card, "minus", pb_edit_picture(edit, i, -1), shape, error));
    return add_picture(o, card, "plus", pb_edit_picture(edit, i, 1), shape, error);
}

/* A picture to each side of every direction, and the one between. */
static pb_status draw_cards(pb_bench *b, const pb_order *o, json_t *found, const pb_run *run,
                            pb_error *error)
{
    pb_stages *s = &b->stages;
    size_t count = s->directions.v.shape[0], *all = g_new(size_t, count);
    pb_edit_options how = coarse_options(s, o);
    pb_edit edit = PB_EDIT_EMPTY;
    json_t *cards = json_array();
    pb_status status;

    for (size_t i = 0; i < count; i++)
        all[i] = i;
    how.count = count;
    how.direction = all;
    status =
        pb_session_edit(s->studio->session, &s->point, &s->directions, &how, &edit, run, error);
    for (size_t i = 0; status == PB_OK && i < count; i++)
        status = draw_card(o, &edit, i, cards, error);
    if (status == PB_OK)
        status = add_picture(o, found, "middle", pb_edit_picture(&edit, 0, 0),
                             edit.pictures.shape + 1, error);
    json_object_set_new(found, "cards", cards);
    json_object_set_new(found, "coarse", json_boolean(how.stride > 1 || how.iterations));
    pb_edit_clear(&edit);
    g_free(all);
    return status;
}

static json_t *numbers(const pb_tensor *values)
{
    json_t *list = json_array();

    for (size_t i = 0; i < pb_tensor_count(values); i++)
        json_array_append_new(list, json_real((double)values->data[i]));
    return list;
}

pb_status pb_bench_find(pb_bench *b, const pb_order *o, json_t **out, const pb_run *run,
                        pb_error *error)
{
    const pb_stages *s = &b->stages;
    const pb_directions *d = &s->directions;
    json_t *found;

    *out = NULL;
    PB_TRY(pb_stages_directions(&b->stages, o, run, error));
    found = json_pack("{s:f, s:f, s:o, s:o, s:o}", "t", s->point.t, "timestep", s->point.timestep,
                      "sigma", numbers(&d->basis.s), "residual", numbers(&d->basis.residual),
                      "share", d->share ? pb_json_reals(d->v.shape[0], d->share) : json_null());
    return give(out, found, draw_cards(b, o, found, run, error));
}

/* -- editing ---------------------------------------------------------------------------------- */

/* An edit that was made before, and whose picture is still there; or NULL. */
static json_t *remembered(const pb_bench *b, const pb_order *o, const json_t *key)
{
    for (GList *at = b->edits.head; at; at = at->next) {
        json_t *edit = json_object_get(at->data, "edit");
        const char *url = json_string_value(json_object_get(edit, "picture"));
        if (json_equal(json_object_get(at->data, "key"), (json_t *)key) &&
            pb_shelf_has(o->shelf, url))
            return json_incref(edit);
    }
    return NULL;
}

static void remember(pb_bench *b, const json_t *key, json_t *edit)
{
    g_queue_push_head(&b->edits, json_pack("{s:O, s:O}", "key", key, "edit", edit));
    while (b->edits.length > MOST_EDITS)
        json_decref(g_queue_pop_tail(&b->edits));
}

static pb_status make_edit(pb_bench *b, const pb_order *o, json_t **out, const pb_run *run,
                           pb_error *error)
{
    pb_stages *s = &b->stages;
    json_t *object;
    pb_status status;
    char *line;

    PB_TRY(pb_stages_edit(s, o, run, error));
    line = pb_command_of(s, o);
    object = json_pack(
        "{s:O, s:f, s:f, s:o, s:s}", "weights", o->weights, "strength", s->choice.strength,
        "change", s->edit.stages ? pb_edit_change(&s->edit, 0) : 0.0, "outside",
        s->edit.outside ? json_real(pb_edit_outside(&s->edit, 0)) : json_null(), "command", line);
    g_free(line);
    status =
        add_picture(o, object, "picture", pb_stages_picture(s), s->edit.pictures.shape + 1, error);
    json_object_set_new(object, "close", json_null());
    if (status == PB_OK && s->source.has_photo)
        status = add_close(b, o, object, &s->edit, error);
    return give(out, object, status);
}

pb_status pb_bench_edit(pb_bench *b, const pb_order *o, json_t **out, const pb_run *run,
                        pb_error *error)
{
    json_t *key;
    pb_status status = PB_OK;

    *out = NULL;
    PB_TRY(pb_stages_directions(&b->stages, o, run, error));
    if (b->generation != b->stages.generation)
        forget_edits(b);
    b->generation = b->stages.generation;
    key = pb_order_edit_key(o);
    *out = remembered(b, o, key);
    if (!*out) {
        status = make_edit(b, o, out, run, error);
        if (*out)
            remember(b, key, *out);
    }
    json_decref(key);
    return status;
}
