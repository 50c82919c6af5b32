#include "studio/strip.h"

#include <pullback/pullback.h>

#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "picture/blend.h"
#include "picture/original.h"
#include "picture/sheet.h"
#include "session/session.h"
#include "studio/loras.h"

int pb_edit_mode_of(pb_edit_mode *mode, const char *name)
{
    for (pb_edit_mode m = 0; m < PB_EDIT_MODES; m++)
        if (!strcmp(name, pb_edit_mode_name(m))) {
            *mode = m;
            return 0;
        }
    return -1;
}

/* Into a file, or (bytes: not NULL) into memory. */
static pb_status paste(const pb_strip *s, const float *picture, const char *name,
                       const char *settings, int quality, pb_bytes *bytes, char **lost,
                       pb_error *error)
{
    const size_t *shape = s->edit->pictures.shape;
    pb_tensor change = PB_TENSOR_EMPTY;
    pb_status status;

    *lost = NULL;
    status = pb_blend(s->photo, pb_edit_picture(s->edit, 0, 0), picture, shape[1], shape[3],
                      shape[2], &change, error);
    if (status == PB_OK)
        status = bytes ? pb_original_encode(s->photo, &change, name, settings, quality, bytes, lost,
                                            error)
                       : pb_original_write(s->photo, &change, name, settings, quality, lost, error);
    pb_tensor_clear(&change);
    return status;
}

pb_status pb_strip_paste(const pb_strip *s, const float *picture, const char *path,
                         const char *settings, int quality, char **lost, pb_error *error)
{
    return paste(s, picture, path, settings, quality, NULL, lost, error);
}

pb_status pb_strip_encode_paste(const pb_strip *s, const float *picture, const char *name,
                                const char *settings, int quality, pb_bytes *bytes, char **lost,
                                pb_error *error)
{
    return paste(s, picture, name, settings, quality, bytes, lost, error);
}

/* -- settings ------------------------------------------------------------------------------------
 */

void pb_prompts_describe(const pb_prompts *p, json_t *object)
{
    if (!p->prompt)
        return;
    json_object_set_new(object, "prompt", json_string(p->prompt));
    if (strcmp(p->edit_prompt, p->prompt))
        json_object_set_new(object, "edit_prompt", json_string(p->edit_prompt));
    json_object_set_new(object, "negative_prompt",
                        p->negative_prompt ? json_string(p->negative_prompt) : json_null());
    json_object_set_new(object, "guidance_scale", json_real(p->guidance_scale));
    if (p->sizes.original[0])
        json_object_set_new(object, "sizes", json_string(pb_sizes_write(&p->sizes).text));
}

/* The null space, what of the change lies outside the mask, and what was warned of. */
static void describe_effect(const pb_strip *s, json_t *object)
{
    static const char *const kinds[] = {"steady", "collapsed", "exploded", "fast"};
    const pb_edit *e = s->edit;
    json_t *warnings = json_array(), *outside = json_array();
    pb_edit_way way;

    for (size_t i = 0; e->pace && (way = pb_edit_way_of(e, i)).side; i++) {
        const pb_pace *p = &e->pace[i];
        int direction = (int)way.direction;
        if (p->kind != PB_PACE_STEADY)
            json_array_append_new(warnings, json_pack("{s:i, s:i, s:s, s:i, s:i, s:f}", "direction",
                                                      direction, "side", way.side, "pace",
                                                      kinds[p->kind], "from", (int)p->from, "to",
                                                      (int)p->to, "share_of_first", p->share));
        if (e->outside)
            json_array_append_new(outside, json_pack("{s:i, s:i, s:f}", "direction", direction,
                                                     "side", way.side, "share", e->outside[i]));
    }
    json_object_set_new(object, "pace_warnings", warnings);
    if (e->outside) {
        json_object_set_new(object, "null_rank", json_integer((json_int_t)s->basis->null_rank));
        json_object_set(object, "outside_mask", outside);
    }
    json_decref(outside);
}

/* The model as it was named; of a whole path its end, for pictures are shown to others. */
static char *model_name(const pb_studio *d)
{
    const char *name = d->name;

    return g_path_is_absolute(name) ? g_path_get_basename(name) : g_strdup(name);
}

json_t *pb_area_json(const pb_area *a)
{
    return json_pack("[I, I, I, I]", (json_int_t)a->x, (json_int_t)a->y, (json_int_t)a->width,
                     (json_int_t)a->height);
}

json_t *pb_strip_json(const pb_strip *s, const pb_studio *d)
{
    const pb_edit *e = s->edit;
    json_t *directions = pb_json_counts(e->numbers, e->direction), *object;
    char *model = model_name(d);

    object = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:f, s:i, s:o, s:s, s:f, s:f, s:i, s:f, s:i, s:f, s:I}",
        "pullback", pb_version(), "model", model, "model_hash", s->basis->model_hash, "from",
        s->basis->from, "tap", s->basis->to, "timestep", e->timestep, "steps", (int)e->steps,
        "directions", directions, "mode", pb_edit_mode_name(e->mode), "edit_step", e->guidance.step,
        "edit_scale", e->guidance.scale, "edit_iterations", (int)e->full, "strength",
        pb_edit_strength(e), "stages", (int)e->stages, "boost", e->boost, "noise_seed",
        (json_int_t)e->noise_seed);
    if (e->blended)
        json_object_set_new(object, "blended", json_true());
    if (e->weight)
        json_object_set_new(object, "weights", pb_json_reals(e->numbers, e->weight));
    pb_loras_describe(d->model, object);
    if (e->mode != PB_EDIT_GUIDANCE)
        json_object_set_new(object, "edit_length", json_real(e->length));
    describe_effect(s, object);
    if (s->photo)
        json_object_set_new(object, "crop", pb_area_json(&s->photo->area));
    pb_prompts_describe(&s->point->prompts, object);
    g_free(model);
    return object;
}

char *pb_strip_settings(const pb_strip *s, const pb_studio *d)
{
    json_t *object = pb_strip_json(s, d);
    char *text = pb_json_ascii(object);

    json_decref(object);
    return text;
}

/* -- drawing -------------------------------------------------------------------------------------
 */

/* Where the strips come from, under which prompt, and how each mode among them goes. */
static char *caption(size_t count, const pb_strip *strips, const pb_studio *d)
{
    const char *prompt = strips[count - 1].point->prompts.edit_prompt;
    const pb_basis *basis = strips[0].basis;
    char *name = g_path_get_basename(d->info->path);
    GString *text = g_string_new(NULL);

    g_string_printf(text, "%s, %s → %s, timestep %.4g of %zu", name, basis->from, basis->to,
                    strips[0].edit->timestep, pb_schedule_length(d->schedule));
    g_string_append_printf(text, prompt && *prompt ? ", under “%s”\n" : "\n", prompt);
    for (size_t i = 0; i < count; i++) {
        const pb_edit *s = strips[i].edit;
        if (i && s->mode == strips[i - 1].edit->mode)
            continue;
        if (s->mode == PB_EDIT_GUIDANCE)
            g_string_append_printf(text, "edit step %g, scale %g, %zu iterations (strength %.2g), ",
                                   s->guidance.step, s->guidance.scale, s->guidance.iterations,
                                   pb_edit_strength(s));
        else
            g_string_append_printf(text, "%s, length %g, ", pb_edit_mode_name(s->mode), s->length);
    }
    if (strips[0].edit->boost > 0)
        g_string_append_printf(text, "boost from t = %g", strips[0].edit->boost);
    else
        g_string_append(text, "no boost");
    g_free(name);
    return g_string_free(text, FALSE);
}

/* The labels, and where each tile is. */
typedef struct layout {
    size_t columns;
    GPtrArray *tiles, *column, *row;
} layout;

static layout lay_out(size_t count, const pb_strip *strips)
{
    const pb_edit *first = strips[0].edit;
    long stages = (long)first->stages;
    layout l = {2 * first->stages + 1, g_ptr_array_new(), g_ptr_array_new_with_free_func(g_free),
                g_ptr_array_new_with_free_func(g_free)};

    for (long stage = -stages; stage <= stages; stage++)
        g_ptr_array_add(l.column, stage ? g_strdup_printf("%s%ld", stage < 0 ? "−" : "+",
                                                          labs(pb_edit_iteration(first, stage)))
                                        : g_strdup("reconstruction"));
    for (size_t d = 0; d < first->count; d++)
        for (size_t i = 0; i < count; i++) {
            const char *label = strips[i].label;
            char *name = pb_edit_name(strips[i].edit, d);
            g_ptr_array_add(l.row, g_strdup_printf("%s%s%s", name ? name : "", label ? " " : "",
                                                   label ? label : ""));
            pb_text_free(name);
            for (long stage = -stages; stage <= stages; stage++)
                g_ptr_array_add(l.tiles, (gpointer)pb_edit_picture(strips[i].edit, d, stage));
        }
    return l;
}

/* The settings of one strip, or a list of those of several. */
static char *all_settings(size_t count, const pb_strip *strips, const pb_studio *d)
{
    GString *list = g_string_new(count > 1 ? "[" : "");
    char *text;

    for (size_t i = 0; i < count; i++) {
        char *one = pb_strip_settings(&strips[i], d);
        g_string_append_printf(list, "%s%s", i ? "," : "", one ? one : "{}");
        free(one);
    }
    g_string_append(list, count > 1 ? "]" : "");
    text = g_string_free(list, FALSE);
    return text;
}

/* Into a file, or (bytes: not NULL) into memory. */
static pb_status draw(size_t count, const pb_strip *strips, const pb_studio *d, const char *name,
                      pb_bytes *bytes, pb_error *error)
{
    const size_t *shape = strips[0].edit->pictures.shape;
    char *text = caption(count, strips, d);
    char *settings = all_settings(count, strips, d);
    layout l = lay_out(count, strips);
    pb_pixels pixels = PB_PIXELS_EMPTY;
    pb_status status;

    status = pb_sheet_draw(&(pb_sheet){.rows = l.row->len,
                                       .columns = l.columns,
                                       .tiles = (const float *const *)l.tiles->pdata,
                                       .c = shape[1],
                                       .h = shape[2],
                                       .w = shape[3],
                                       .row_labels = (const char *const *)l.row->pdata,
                                       .column_labels = (const char *const *)l.column->pdata,
                                       .marked = strips[0].edit->stages,
                                       .caption = text},
                           &pixels, error);
    if (status == PB_OK)
        status = bytes ? pb_pixels_encode(&pixels, name, settings, PB_QUALITY, bytes, error)
                       : pb_pixels_write(&pixels, name, settings, error);
    pb_pixels_clear(&pixels);
    g_ptr_array_unref(l.tiles);
    g_ptr_array_unref(l.column);
    g_ptr_array_unref(l.row);
    g_free(settings);
    g_free(text);
    return status;
}

pb_status pb_strip_write(size_t count, const pb_strip *strips, const pb_studio *d, const char *path,
                         pb_error *error)
{
    return draw(count, strips, d, path, NULL, error);
}

pb_status pb_strip_encode(size_t count, const pb_strip *strips, const pb_studio *d,
                          const char *name, pb_bytes *bytes, pb_error *error)
{
    return draw(count, strips, d, name, bytes, error);
}
