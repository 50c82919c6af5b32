#include "explore/stages.h"

#include <string.h>

#include "explore/basis_file.h"
#include "explore/preview.h"
#include "explore/taste.h"
#include "explore/wishes.h"

#define CLOSE 512 /* pixels of a photo's area that is shown */

void pb_stages_init(pb_stages *s, pb_studios *studios, const char *const *taster)
{
    *s = (pb_stages){.studios = studios,
                     .taster = taster,
                     .source = PB_SOURCE_EMPTY,
                     .close = PB_PHOTO_EMPTY,
                     .noise = PB_POINT_EMPTY,
                     .point = PB_POINT_EMPTY,
                     .directions = PB_DIRECTIONS_EMPTY,
                     .edit = PB_EDIT_EMPTY};
}

static void drop_key(json_t **key)
{
    json_decref(*key);
    *key = NULL;
}

static void drop_edit(pb_stages *s)
{
    pb_edit_clear(&s->edit);
    drop_key(&s->edit_key);
}

static void drop_directions(pb_stages *s)
{
    drop_edit(s);
    pb_directions_clear(&s->directions);
    s->generation++;
    drop_key(&s->directions_key);
}

static void drop_point(pb_stages *s)
{
    drop_directions(s);
    pb_point_clear(&s->point);
    drop_key(&s->point_key);
}

static void drop_noise(pb_stages *s)
{
    drop_point(s);
    pb_point_clear(&s->noise);
    drop_key(&s->noise_key);
}

static void drop_mask(pb_stages *s)
{
    pb_tensor_clear(&s->source.mask);
    pb_tensor_clear(&s->source.blend);
    drop_key(&s->mask_key);
}

static void drop_source(pb_stages *s)
{
    drop_noise(s);
    drop_mask(s);
    pb_source_clear(&s->source);
    pb_photo_clear(&s->close);
    drop_key(&s->source_key);
}

void pb_stages_clear(pb_stages *s)
{
    drop_source(s);
}

static size_t bytes_of(const pb_tensor *t)
{
    return t->data ? pb_tensor_count(t) * sizeof *t->data : 0;
}

static size_t size_of(const pb_pixels *p)
{
    return 3 * p->width * p->height;
}

size_t pb_stages_bytes(const pb_stages *s)
{
    const pb_basis *b = &s->directions.basis;
    const pb_photo *p = &s->source.photo;

    return size_of(&p->pixels) + size_of(&s->close.pixels) + p->file.size +
           bytes_of(&s->source.array) + bytes_of(&s->source.mask) + bytes_of(&s->source.blend) +
           bytes_of(&s->noise.x) + bytes_of(&s->noise.image) + bytes_of(&s->point.image) +
           bytes_of(&s->point.x) + bytes_of(&s->directions.v) + bytes_of(&b->v) + bytes_of(&b->u) +
           bytes_of(&s->edit.pictures);
}

/* -- keys ---------------------------------------------------------------------------------------
 */

/* The settings that a stage depends on, and a file that it is made of, or NULL. */
static json_t *key_of(const pb_order *o, const char *const *names, const pb_given *given)
{
    json_t *key = json_object();

    for (; *names; names++)
        json_object_set(key, *names, json_object_get(o->wishes, *names));
    if (given && given->bytes)
        json_object_set_new(key, "given", json_integer((json_int_t)given->number));
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

int pb_order_has_photo(const pb_order *o)
{
    return !strcmp(pb_wish_text(o->wishes, "source"), "photo");
}

static int blends(const pb_order *o)
{
    return !strcmp(pb_wish_text(o->wishes, "mask_use"), "blend");
}

int pb_order_is_masked(const pb_order *o)
{
    return o->mask.bytes && !blends(o);
}

/* -- the photo and its mask ---------------------------------------------------------------------
 */

/* A picture that was given, as readers take it over: pb_bytes_clear. It is tried by another process
 * first, once. */
static pb_status take_picture(pb_stages *s, const pb_given *given, const char *name,
                              unsigned long *tasted, pb_bytes *file, const pb_run *run,
                              pb_error *error)
{
    if (s->taster && *tasted != given->number)
        PB_TRY(pb_have_tasted(s->taster, given->bytes, name, run, error));
    *tasted = given->number;
    return pb_copy_bytes(given->bytes, file, error);
}

static pb_status read_photo(pb_stages *s, const pb_order *o, const pb_run *run, pb_error *error)
{
    const pb_crop crop = pb_crop_for(pb_wish_crop(o->wishes), &s->studio->info->recommended);
    pb_bytes file;
    pb_status status;

    if (!o->photo.bytes)
        return pb_fail(error, PB_INVALID, "there is no photo yet");
    PB_TRY(take_picture(s, &o->photo, o->photo.name, &s->tasted_photo, &file, run, error));
    status = pb_source_take(&s->source, s->studio, &file, o->photo.name, &crop, 0, 0, error);
    pb_bytes_clear(&file);
    return status;
}

static pb_status read_source(pb_stages *s, const pb_order *o, const pb_run *run, pb_error *error)
{
    pb_point_options *options = &s->source.options;

    if (pb_order_has_photo(o))
        return read_photo(s, o, run, error);
    options->has_seed = 1;
    options->seed = (uint64_t)pb_wish_number(o->wishes, "seed");
    return pb_session_size(s->studio->session, 0, 0, &s->source.height, &s->source.width, error);
}

pb_status pb_stages_source(pb_stages *s, const pb_order *o, const pb_run *run, pb_error *error)
{
    static const char *const of_photo[] = {"model", "source", "crop", NULL};
    static const char *const of_seed[] = {"model", "source", "seed", NULL};
    int photo = pb_order_has_photo(o);
    pb_status status;
    json_t *key;

    PB_TRY(pb_studios_open(s->studios, pb_wish_text(o->wishes, "model"), &s->studio, error));
    key = key_of(o, photo ? of_photo : of_seed, photo ? &o->photo : NULL);
    if (stands(s->source_key, key))
        return PB_OK;
    drop_source(s);
    status = read_source(s, o, run, error);
    s->source_key = key;
    if (status != PB_OK)
        drop_source(s);
    return status;
}

pb_status pb_stages_close(pb_stages *s, const pb_photo **photo, pb_error *error)
{
    const pb_area *a = &s->source.photo.area;

    if (!s->close.pixels.rgb)
        PB_TRY(pb_preview_shrink(&s->source.photo, CLOSE, a->width, a->height, &s->close, error));
    *photo = &s->close;
    return PB_OK;
}

/* The mask, after the photo: one for directions is of the model's images, one that blends of its
 * pictures. */
static pb_status read_mask(pb_stages *s, const pb_order *o, const pb_run *run, pb_error *error)
{
    static const char *const names[] = {"mask_use", NULL};
    json_t *key = key_of(o, names, &o->mask);
    pb_bytes file;
    pb_status status;

    if (stands(s->mask_key, key))
        return PB_OK;
    drop_mask(s);
    status = o->mask.bytes
                 ? take_picture(s, &o->mask, "the mask", &s->tasted_mask, &file, run, error)
                 : PB_OK;
    if (o->mask.bytes && status == PB_OK) {
        status = pb_source_take_mask(&s->source, s->studio,
                                     blends(o) ? PB_MASK_BLEND : PB_MASK_DIRECTIONS, &file,
                                     "the mask", 0, error);
        pb_bytes_clear(&file);
    }
    s->mask_key = key;
    if (status != PB_OK)
        drop_mask(s);
    return status;
}

pb_status pb_stages_mask(pb_stages *s, const pb_order *o, const pb_run *run, pb_error *error)
{
    if (!o->mask.bytes)
        return pb_fail(error, PB_INVALID, "there is no mask");
    PB_TRY(pb_stages_source(s, o, run, error));
    return read_mask(s, o, run, error);
}

/* -- the noisy image ----------------------------------------------------------------------------
 */

static pb_prompts prompts_of(const pb_stages *s, const pb_order *o)
{
    pb_prompts p = PB_PROMPTS_DEFAULTS;

    if (!s->studio->info->context_width)
        return p;
    p.prompt = pb_wish_text(o->wishes, "prompt");
    p.edit_prompt = pb_wish_text(o->wishes, "edit_prompt");
    p.negative_prompt = pb_wish_text(o->wishes, "negative_prompt");
    p.guidance_scale = pb_wish_number(o->wishes, "guidance_scale");
    return p;
}

/* The end of the inversion: from there every t is reached, by the steps that lead to each. */
static pb_status find_noise(pb_stages *s, const pb_order *o, const pb_run *run, pb_error *error)
{
    static const char *const names[] = {"steps",           "prompt",         "edit_prompt",
                                        "negative_prompt", "guidance_scale", NULL};
    json_t *key = key_of(o, names, NULL);
    pb_point_options *options = &s->source.options;
    pb_status status;

    if (stands(s->noise_key, key))
        return PB_OK;
    drop_noise(s);
    options->t = 1;
    options->mask = NULL;
    options->steps = (size_t)pb_wish_number(o->wishes, "steps");
    options->prompts = prompts_of(s, o);
    status = pb_session_point(s->studio->session, options, &s->noise, run, error);
    s->noise_key = key;
    if (status != PB_OK)
        drop_noise(s);
    return status;
}

pb_status pb_stages_point(pb_stages *s, const pb_order *o, const pb_run *run, pb_error *error)
{
    static const char *const names[] = {"t", NULL};
    pb_status status;
    json_t *key;

    PB_TRY(pb_stages_source(s, o, run, error));
    PB_TRY(find_noise(s, o, run, error));
    key = key_of(o, names, NULL);
    if (stands(s->point_key, key))
        return PB_OK;
    drop_point(s);
    status = pb_point_copy(&s->point, &s->noise, error);
    if (status == PB_OK)
        status = pb_session_point_to(s->studio->session, &s->point, pb_wish_number(o->wishes, "t"),
                                     run, error);
    s->point_key = key;
    if (status != PB_OK)
        drop_point(s);
    return status;
}

/* -- directions ---------------------------------------------------------------------------------
 */

/* The point, with the mask of directions or without. */
static pb_status mask_point(pb_stages *s, const pb_order *o, pb_error *error)
{
    pb_tensor_clear(&s->point.mask);
    return pb_order_is_masked(o) ? pb_tensor_copy(&s->point.mask, &s->source.mask, error) : PB_OK;
}

/* Is a project's basis that which would be computed here? */
static int is_own(const pb_stages *s, const pb_basis *b, const pb_basis_options *here)
{
    const int masked = s->point.mask.data != NULL;
    const char *to = here->to ? here->to : masked ? "x0" : "mid";

    return pb_point_is(&s->point, b) && b->s.shape[0] == here->rank && !strcmp(b->from, "x") &&
           !strcmp(b->to, to) && masked == (b->mask.data != NULL);
}

/* Those of another photo, or of a project, or of the point. */
static pb_status find_directions(pb_stages *s, const pb_order *o, const pb_run *run,
                                 pb_error *error)
{
    pb_direction_options options = PB_DIRECTION_DEFAULTS;
    const pb_given *given = o->carried.bytes ? &o->carried : &o->basis;
    pb_basis basis = PB_BASIS_EMPTY;
    pb_status status = PB_OK;

    if (o->carried.bytes && pb_order_is_masked(o))
        return pb_fail(error, PB_INVALID,
                       "directions that were carried over take no mask of their own: let it blend "
                       "the result instead");
    options.here.rank = (size_t)pb_wish_number(o->wishes, "rank");
    options.here.to = pb_wish_text(o->wishes, "tap");
    if (given->bytes)
        status = pb_basis_of_bytes(&basis, s->studio, given->bytes, error);
    if (status == PB_OK && o->carried.bytes) {
        options.basis = &basis;
        options.carry = 1;
        options.here.to = basis.to;
    } else if (status == PB_OK) {
        options.needed = options.here.rank;
        if (given->bytes && is_own(s, &basis, &options.here))
            options.basis = &basis;
    }
    if (status == PB_OK)
        status = pb_session_directions(s->studio->session, &s->point, &options, &s->directions, run,
                                       error);
    pb_basis_clear(&basis);
    return status;
}

pb_status pb_stages_directions(pb_stages *s, const pb_order *o, const pb_run *run, pb_error *error)
{
    static const char *const names[] = {"rank", "tap", NULL};
    pb_status status;
    json_t *key;

    PB_TRY(pb_stages_point(s, o, run, error));
    PB_TRY(read_mask(s, o, run, error));
    key = key_of(o, names, o->carried.bytes ? &o->carried : &o->basis);
    if (pb_order_is_masked(o))
        json_object_set_new(key, "mask", json_integer((json_int_t)o->mask.number));
    if (stands(s->directions_key, key))
        return PB_OK;
    drop_directions(s);
    status = mask_point(s, o, error);
    if (status == PB_OK)
        status = find_directions(s, o, run, error);
    s->directions_key = key;
    if (status != PB_OK)
        drop_directions(s);
    return status;
}

/* -- the edit -----------------------------------------------------------------------------------
 */

pb_edit_options pb_stages_options(const pb_stages *s, const pb_order *o)
{
    pb_edit_options how = PB_EDIT_DEFAULTS;

    how.mode = pb_order_is_masked(o) ? PB_EDIT_STRAIGHT : PB_EDIT_GUIDANCE;
    how.blend = s->source.blend.data ? &s->source.blend : NULL;
    return how;
}

/* What an edit of these directions depends on. */
json_t *pb_order_edit_key(const pb_order *o)
{
    return json_pack("{s:O, s:I}", "weights", o->weights, "mask",
                     o->mask.bytes ? (json_int_t)o->mask.number : (json_int_t)0);
}

pb_status pb_stages_choose(pb_stages *s, const pb_order *o, pb_edit_options *how, pb_error *error)
{
    pb_choice *c = &s->choice;

    PB_TRY(pb_wish_weights(o->weights, s->directions.v.shape[0], PB_WEIGHTS_MOST, c->number,
                           c->weight, &c->count, &c->strength, error));
    *how = pb_stages_options(s, o);
    how->count = c->count;
    how->direction = c->number;
    how->strength = c->strength;
    if (c->count > 1)
        how->weights = c->weight;
    else if (c->count && c->weight[0] < 0)
        how->sides = PB_EDIT_BACKWARDS;
    return PB_OK;
}

pb_status pb_stages_edit(pb_stages *s, const pb_order *o, const pb_run *run, pb_error *error)
{
    pb_edit_options how;
    pb_status status;
    json_t *key;

    PB_TRY(pb_stages_directions(s, o, run, error));
    PB_TRY(pb_stages_choose(s, o, &how, error));
    key = pb_order_edit_key(o);
    if (stands(s->edit_key, key))
        return PB_OK;
    drop_edit(s);
    status =
        pb_session_edit(s->studio->session, &s->point, &s->directions, &how, &s->edit, run, error);
    s->edit_key = key;
    if (status != PB_OK)
        drop_edit(s);
    return status;
}

const float *pb_stages_picture(const pb_stages *s)
{
    return pb_edit_picture(&s->edit, 0, (long)s->edit.stages);
}

pb_strip pb_stages_strip(const pb_stages *s, const pb_edit *edit)
{
    return (pb_strip){.edit = edit,
                      .point = &s->point,
                      .basis = &s->directions.basis,
                      .photo = s->source.has_photo ? &s->source.photo : NULL};
}
