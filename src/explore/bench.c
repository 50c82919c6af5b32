#include "explore/bench.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "explore/command.h"
#include "explore/wishes.h"
#include "picture/sheet.h"
#include "studio/source.h"
#include "studio/strip.h"

/* Each stage with what it was made of: of a stage whose key is another, it and those behind it are
 * made anew. */
struct pb_bench {
    json_t *model_key, *source_key, *point_key, *basis_key, *edit_key;
    pb_studio studio;
    pb_source source;
    pb_point point;
    pb_directions directions;
    pb_edit edit;
};

pb_bench *pb_bench_new(void)
{
    pb_bench *b = g_new0(pb_bench, 1);

    b->source = PB_SOURCE_EMPTY;
    b->point = PB_POINT_EMPTY;
    b->directions = PB_DIRECTIONS_EMPTY;
    b->edit = PB_EDIT_EMPTY;
    return b;
}

static void drop_key(json_t **key)
{
    json_decref(*key);
    *key = NULL;
}

static void drop_edit(pb_bench *b)
{
    pb_edit_clear(&b->edit);
    drop_key(&b->edit_key);
}

static void drop_basis(pb_bench *b)
{
    drop_edit(b);
    pb_directions_clear(&b->directions);
    drop_key(&b->basis_key);
}

static void drop_point(pb_bench *b)
{
    drop_basis(b);
    pb_point_clear(&b->point);
    drop_key(&b->point_key);
}

static void drop_source(pb_bench *b)
{
    drop_point(b);
    pb_source_clear(&b->source);
    drop_key(&b->source_key);
}

static void drop_model(pb_bench *b)
{
    drop_source(b);
    if (b->model_key)
        pb_studio_close(&b->studio);
    drop_key(&b->model_key);
}

void pb_bench_free(pb_bench *b)
{
    if (!b)
        return;
    drop_model(b);
    g_free(b);
}

/* -- stages ----------------------------------------------------------------------------------- */

/* The settings that a stage depends on. */
static json_t *key_of(const pb_order *o, const char *const *names)
{
    json_t *key = json_object();

    for (; *names; names++)
        json_object_set(key, *names, json_object_get(o->wishes, *names));
    json_object_set_new(key, "photo", json_integer((json_int_t)o->number));
    return key;
}

/* Is a stage what is asked for? Else its key is to be `next` once it is made. */
static int stands(const json_t *key, json_t *next)
{
    if (!key || !json_equal(key, next))
        return 0;
    json_decref(next);
    return 1;
}

static pb_status open_model(pb_bench *b, const pb_order *o, pb_error *error)
{
    const char *name = pb_wish_text(o->wishes, "model");
    json_t *key = json_string(name);
    pb_model *model;

    if (stands(b->model_key, key))
        return PB_OK;
    drop_model(b);
    if (pb_model_open(&model, name, error) != PB_OK) {
        json_decref(key);
        return error->status;
    }
    b->model_key = key;
    return pb_studio_open(&b->studio, json_string_value(key), model, error);
}

static int is_of_photo(const pb_order *o)
{
    return !strcmp(pb_wish_text(o->wishes, "source"), "photo");
}

static pb_status read_photo(pb_bench *b, const pb_order *o, pb_error *error)
{
    const pb_crop crop = pb_crop_for(pb_wish_crop(o->wishes), &b->studio.info->recommended);
    gsize size = 0;
    const void *data = o->photo ? g_bytes_get_data(o->photo, &size) : NULL;
    pb_bytes file = {NULL, size};
    pb_status status;

    if (!o->photo)
        return pb_fail(error, PB_INVALID, "there is no photo yet");
    file.data = pb_malloc(size + 1, 1);
    if (!file.data)
        return pb_fail_memory(error, size, "a photo");
    memcpy(file.data, data, size);
    file.data[size] = '\0';
    status = pb_source_take(&b->source, &b->studio, &file, o->name, &crop, 0, 0, error);
    pb_bytes_clear(&file);
    return status;
}

static pb_status read_source(pb_bench *b, const pb_order *o, pb_error *error)
{
    static const char *const names[] = {"source", "crop", "seed", NULL};
    json_t *key = key_of(o, names);
    pb_status status;

    if (stands(b->source_key, key))
        return PB_OK;
    drop_source(b);
    if (is_of_photo(o))
        status = read_photo(b, o, error);
    else {
        b->source.options.has_seed = 1;
        b->source.options.seed = (uint64_t)pb_wish_number(o->wishes, "seed");
        status =
            pb_session_size(b->studio.session, 0, 0, &b->source.height, &b->source.width, error);
    }
    b->source_key = key;
    if (status != PB_OK)
        drop_source(b);
    return status;
}

static pb_prompts prompts_of(const pb_bench *b, const pb_order *o)
{
    pb_prompts p = PB_PROMPTS_DEFAULTS;

    if (!b->studio.info->context_width)
        return p;
    p.prompt = pb_wish_text(o->wishes, "prompt");
    p.edit_prompt = pb_wish_text(o->wishes, "edit_prompt");
    p.negative_prompt = pb_wish_text(o->wishes, "negative_prompt");
    p.guidance_scale = pb_wish_number(o->wishes, "guidance_scale");
    return p;
}

static pb_status find_point(pb_bench *b, const pb_order *o, const pb_run *run, pb_error *error)
{
    static const char *const names[] = {
        "t", "steps", "prompt", "edit_prompt", "negative_prompt", "guidance_scale", NULL};
    json_t *key = key_of(o, names);
    pb_point_options *options = &b->source.options;
    pb_status status;

    if (stands(b->point_key, key))
        return PB_OK;
    drop_point(b);
    options->t = pb_wish_number(o->wishes, "t");
    options->steps = (size_t)pb_wish_number(o->wishes, "steps");
    options->prompts = prompts_of(b, o);
    status = pb_session_point(b->studio.session, options, &b->point, run, error);
    b->point_key = key;
    if (status != PB_OK)
        drop_point(b);
    return status;
}

static pb_status find_basis(pb_bench *b, const pb_order *o, const pb_run *run, pb_error *error)
{
    static const char *const names[] = {"rank", "tap", NULL};
    pb_direction_options options = PB_DIRECTION_DEFAULTS;
    json_t *key = key_of(o, names);
    pb_status status;

    if (stands(b->basis_key, key))
        return PB_OK;
    drop_basis(b);
    options.needed = options.here.rank = (size_t)pb_wish_number(o->wishes, "rank");
    options.here.to = pb_wish_text(o->wishes, "tap");
    status =
        pb_session_directions(b->studio.session, &b->point, &options, &b->directions, run, error);
    b->basis_key = key;
    if (status != PB_OK)
        drop_basis(b);
    return status;
}

/* All up to the directions. */
static pb_status prepare(pb_bench *b, const pb_order *o, const pb_run *run, pb_error *error)
{
    PB_TRY(open_model(b, o, error));
    PB_TRY(read_source(b, o, error));
    PB_TRY(find_point(b, o, run, error));
    return find_basis(b, o, run, error);
}

/* -- pictures --------------------------------------------------------------------------------- */

/* A picture (c,h,w) in [-1, 1], as a PNG on the shelf: its URL. */
static pb_status show(const pb_order *o, const float *picture, const size_t shape[3], json_t **url,
                      pb_error *error)
{
    pb_pixels pixels = PB_PIXELS_EMPTY;
    pb_bytes bytes = {NULL, 0};
    pb_status status;

    *url = NULL;
    status = pb_image_draw(picture, shape[0], shape[1], shape[2], PB_TILE_IMAGE, &pixels, error);
    if (status == PB_OK)
        status = pb_pixels_encode(&pixels, "picture.png", NULL, PB_QUALITY, &bytes, error);
    if (status == PB_OK) {
        char *text = pb_shelf_put(o->shelf, o->tab, &bytes, "picture.png");
        *url = json_string(text);
        g_free(text);
    }
    pb_pixels_clear(&pixels);
    return status;
}

/* Adds a picture's URL to an object. */
static pb_status add_picture(const pb_order *o, json_t *object, const char *name,
                             const float *picture, const size_t shape[3], pb_error *error)
{
    json_t *url;
    pb_status status = show(o, picture, shape, &url, error);

    if (status == PB_OK)
        json_object_set_new(object, name, url);
    return status;
}

/* An image (1,c,h,w) as the network sees it, to be looked at. */
static pb_status add_image(pb_bench *b, const pb_order *o, json_t *object, const char *name,
                           const pb_tensor *image, const pb_run *run, pb_error *error)
{
    pb_tensor picture = PB_TENSOR_EMPTY;
    pb_status status = pb_session_decode(b->studio.session, image, &picture, run, error);

    if (status == PB_OK)
        status = add_picture(o, object, name, picture.data, picture.shape + 1, error);
    pb_tensor_clear(&picture);
    return status;
}

pb_status pb_bench_look(pb_bench *b, const pb_order *o, json_t **out, const pb_run *run,
                        pb_error *error)
{
    const pb_photo *photo = &b->source.photo;
    json_t *faces = json_array();
    pb_status status;

    (void)run;
    status = open_model(b, o, error);
    if (status == PB_OK)
        status = read_source(b, o, error);
    for (size_t i = 0; status == PB_OK && i < photo->faces; i++)
        json_array_append_new(faces, pb_area_json(&photo->face[i]));
    *out = NULL;
    if (status == PB_OK) {
        *out =
            json_pack("{s:s, s:I, s:I, s:o, s:O}", "name", o->name, "width",
                      (json_int_t)photo->pixels.width, "height", (json_int_t)photo->pixels.height,
                      "area", pb_area_json(&photo->area), "faces", faces);
        status =
            add_picture(o, *out, "seen", b->source.array.data, b->source.array.shape + 1, error);
    }
    json_decref(faces);
    return status;
}

/* -- finding ---------------------------------------------------------------------------------- */

/* A picture to each side of every direction. */
static pb_status draw_cards(pb_bench *b, const pb_order *o, json_t *found, const pb_run *run,
                            pb_error *error)
{
    size_t count = b->directions.v.shape[0], *all = g_new(size_t, count);
    pb_edit_options how = PB_EDIT_DEFAULTS;
    pb_edit edit = PB_EDIT_EMPTY;
    json_t *cards = json_array();
    pb_status status;

    for (size_t i = 0; i < count; i++)
        all[i] = i;
    how.count = count;
    how.direction = all;
    how.sides = PB_EDIT_BOTH;
    how.strength = 1;
    status = pb_session_edit(b->studio.session, &b->point, &b->directions, &how, &edit, run, error);
    for (size_t i = 0; status == PB_OK && i < count; i++) {
        const size_t *shape = edit.pictures.shape + 1;
        json_t *card =
            json_pack("{s:I, s:f}", "direction", (json_int_t)i, "change", pb_edit_change(&edit, i));
        status = add_picture(o, card, "minus", pb_edit_picture(&edit, i, -1), shape, error);
        if (status == PB_OK)
            status = add_picture(o, card, "plus", pb_edit_picture(&edit, i, 1), shape, error);
        json_array_append_new(cards, card);
    }
    if (status == PB_OK)
        status = add_picture(o, found, "middle", pb_edit_picture(&edit, 0, 0),
                             edit.pictures.shape + 1, error);
    json_object_set_new(found, "cards", cards);
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
    const pb_basis *basis = &b->directions.basis;
    json_t *found;
    pb_status status;

    *out = NULL;
    PB_TRY(prepare(b, o, run, error));
    found =
        json_pack("{s:f, s:f, s:o, s:o, s:f}", "t", b->point.t, "timestep", b->point.timestep,
                  "sigma", numbers(&basis->s), "residual", numbers(&basis->residual), "range", 1.0);
    status = add_image(b, o, found, "noisy", &b->point.x, run, error);
    if (status == PB_OK)
        status = draw_cards(b, o, found, run, error);
    if (status == PB_OK)
        *out = found;
    else
        json_decref(found);
    return status;
}

/* -- editing ---------------------------------------------------------------------------------- */

/* The weights of an order, as an edit's options take them. */
typedef struct choice {
    size_t number[PB_COMMAND_DIRECTIONS], count;
    double weight[PB_COMMAND_DIRECTIONS], strength;
} choice;

static pb_status choose(const pb_bench *b, const pb_order *o, choice *c, pb_edit_options *how,
                        pb_error *error)
{
    PB_TRY(pb_wish_weights(o->weights, b->directions.v.shape[0], PB_COMMAND_DIRECTIONS, c->number,
                           c->weight, &c->count, &c->strength, error));
    *how = (pb_edit_options)PB_EDIT_DEFAULTS;
    how->count = c->count;
    how->direction = c->number;
    how->strength = c->strength;
    if (c->count > 1)
        how->weights = c->weight;
    else if (c->count && c->weight[0] < 0)
        how->sides = PB_EDIT_BACKWARDS;
    return PB_OK;
}

/* The edit of an order: bench->edit. */
static pb_status make_edit(pb_bench *b, const pb_order *o, choice *c, const pb_run *run,
                           pb_error *error)
{
    pb_edit_options how;
    json_t *key = json_deep_copy(o->weights);
    pb_status status;

    status = choose(b, o, c, &how, error);
    if (status != PB_OK || stands(b->edit_key, key)) {
        if (status != PB_OK)
            json_decref(key);
        return status;
    }
    drop_edit(b);
    status =
        pb_session_edit(b->studio.session, &b->point, &b->directions, &how, &b->edit, run, error);
    b->edit_key = key;
    if (status != PB_OK)
        drop_edit(b);
    return status;
}

static pb_strip strip_of(const pb_bench *b)
{
    return (pb_strip){.edit = &b->edit,
                      .point = &b->point,
                      .basis = &b->directions.basis,
                      .photo = b->source.has_photo ? &b->source.photo : NULL};
}

/* The last stage; of an edit of strength 0 the reconstruction. */
static const float *edited(const pb_edit *e)
{
    return pb_edit_picture(e, 0, (long)e->stages);
}

static char *command(const pb_bench *b, const pb_order *o, const choice *c)
{
    return pb_command_of(o->wishes, o->name, b->source.has_photo ? &b->source.photo.area : NULL,
                         b->point.t, c->count, c->number, c->weight, c->strength);
}

pb_status pb_bench_edit(pb_bench *b, const pb_order *o, json_t **out, const pb_run *run,
                        pb_error *error)
{
    char *line;
    choice c;

    *out = NULL;
    PB_TRY(prepare(b, o, run, error));
    PB_TRY(make_edit(b, o, &c, run, error));
    line = command(b, o, &c);
    *out = json_pack("{s:O, s:f, s:f, s:s}", "weights", o->weights, "strength", c.strength,
                     "change", b->edit.stages ? pb_edit_change(&b->edit, 0) : 0.0, "command", line);
    g_free(line);
    return add_picture(o, *out, "picture", edited(&b->edit), b->edit.pictures.shape + 1, error);
}

/* -- exporting -------------------------------------------------------------------------------- */

static pb_status export_picture(const pb_bench *b, const char *name, pb_bytes *bytes,
                                pb_error *error)
{
    const pb_strip strip = strip_of(b);
    const size_t *shape = b->edit.pictures.shape;
    char *settings = pb_strip_settings(&strip, &b->studio), *lost = NULL;
    pb_pixels pixels = PB_PIXELS_EMPTY;
    pb_status status;

    if (strip.photo)
        status = pb_strip_encode_paste(&strip, edited(&b->edit), name, settings, PB_QUALITY, bytes,
                                       &lost, error);
    else {
        status = pb_image_draw(edited(&b->edit), shape[1], shape[2], shape[3], PB_TILE_IMAGE,
                               &pixels, error);
        if (status == PB_OK)
            status = pb_pixels_encode(&pixels, name, settings, PB_QUALITY, bytes, error);
    }
    pb_pixels_clear(&pixels);
    free(settings);
    g_free(lost);
    return status;
}

/* The direction in stages to both sides. */
static pb_status export_strip(pb_bench *b, const pb_order *o, const char *name, pb_bytes *bytes,
                              const pb_run *run, pb_error *error)
{
    pb_strip strip = strip_of(b);
    pb_edit edit = PB_EDIT_EMPTY;
    pb_edit_options how;
    pb_status status;
    choice c;

    PB_TRY(choose(b, o, &c, &how, error));
    how.sides = PB_EDIT_BOTH;
    how.stages = 0;
    status = pb_session_edit(b->studio.session, &b->point, &b->directions, &how, &edit, run, error);
    strip.edit = &edit;
    if (status == PB_OK)
        status = pb_strip_encode(1, &strip, &b->studio, name, bytes, error);
    pb_edit_clear(&edit);
    return status;
}

static pb_status export_basis(const pb_bench *b, pb_bytes *bytes, pb_error *error)
{
    char *folder = g_dir_make_tmp("pullback-XXXXXX", NULL), *path;
    pb_status status;

    if (!folder)
        return pb_fail(error, PB_IO, "there is no room for temporary files");
    path = g_build_filename(folder, "basis.safetensors", NULL);
    status = pb_basis_write(&b->directions.basis, path, error);
    if (status == PB_OK)
        status = pb_file_read(bytes, path, SIZE_MAX, error);
    remove(path);
    remove(folder);
    g_free(path);
    g_free(folder);
    return status;
}

/* The name of a file beside the photo's: "holiday-edited.png". */
static char *name_for(const pb_order *o, const char *what, const char *ending)
{
    const char *dot = strrchr(o->name, '.');

    return g_strdup_printf("%.*s-%s.%s", (int)(dot ? dot - o->name : (long)strlen(o->name)),
                           o->name, what, ending);
}

pb_status pb_bench_export(pb_bench *b, const pb_order *o, json_t **out, const pb_run *run,
                          pb_error *error)
{
    int basis = !strcmp(o->what, "basis"), strip = !strcmp(o->what, "strip");
    pb_bytes bytes = {NULL, 0};
    pb_status status;
    char *name, *url;
    choice c;

    *out = NULL;
    PB_TRY(prepare(b, o, run, error));
    if (!basis)
        PB_TRY(make_edit(b, o, &c, run, error));
    name = basis   ? g_strdup("basis.safetensors")
           : strip ? name_for(o, "strip", "png")
                   : name_for(o, "edited", o->format);
    status = basis   ? export_basis(b, &bytes, error)
             : strip ? export_strip(b, o, name, &bytes, run, error)
                     : export_picture(b, name, &bytes, error);
    if (status == PB_OK) {
        url = pb_shelf_put(o->shelf, o->tab, &bytes, name);
        *out = json_pack("{s:s, s:s}", "file", url, "name", name);
        g_free(url);
    }
    g_free(name);
    return status;
}
