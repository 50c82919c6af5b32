#include "cli/strip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/shape.h"
#include "io/json.h"
#include "picture/blend.h"
#include "picture/original.h"
#include "picture/sheet.h"
#include "terminal/progress.h"

/* Pictures in [-1, 1] that come further from the reconstruction than FAR, in edits that once went
 * faster than FAST (root mean square; the rate that of a full edit), are often no longer a face
 * (docs/results.md). */
#define FAR (2 * 25.0 / 255)
#define FAST (2 * 30.0 / 255)

void pb_strip_clear(pb_strip *s)
{
    pb_tensor_clear(&s->images);
    pb_free(s->pace);
    pb_free(s->outside);
    s->pace = NULL;
    s->outside = NULL;
}

const char *pb_mode_name(pb_edit_mode mode)
{
    static const char *const names[PB_MODES] = {"guidance", "straight", "relinearise"};

    return names[mode];
}

/* Iterations of the full edit. */
static size_t full_of(const pb_strip *s)
{
    return s->full ? s->full : s->guidance.iterations;
}

static size_t sides(const pb_strip *s)
{
    return s->one_side ? 1 : 2;
}

/* Number i of all directions and sides: which direction, and +1 or -1. */
static size_t direction_of(const pb_strip *s, size_t i)
{
    return s->direction[i / sides(s)];
}

static long sign_of(const pb_strip *s, size_t i)
{
    return (!s->one_side && i % 2) || s->one_side < 0 ? -1 : 1;
}

/* Numbers of one image. */
static size_t size_of(const pb_strip *s)
{
    return pb_item_size(&s->images);
}

/* The last stage of number i; without stages the reconstruction. */
static const float *end_of(const pb_strip *s, size_t i)
{
    return s->images.data + (i + 1) * s->stages * size_of(s);
}

const float *pb_strip_image(const pb_strip *s, size_t d, long stage)
{
    size_t index = 0;

    if (stage != 0) {
        size_t side = !s->one_side && stage < 0, step = (size_t)labs(stage) - 1;
        index = 1 + (d * sides(s) + side) * s->stages + step;
    }
    return s->images.data + index * size_of(s);
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
    for (size_t i = 0; i < s->count * sides(s); i++, to += size)
        for (size_t j = 0; j < size; j++)
            to[j] = (float)sign_of(s, i) * v->data[direction_of(s, i) * size + j];
    return out;
}

/* Every direction and side on its own, with one bar for all. */
static pb_status relinearise(const pb_strip *s, const pb_session *session, float *out,
                             pb_error *error)
{
    size_t size = pb_session_image(session);

    for (size_t i = 0; i < s->count * sides(s); i++, out += s->stages * size) {
        pb_progress_bar bar = pb_progress_begin(session->cli, "re-linearising");
        const pb_run run = pb_progress_run(session->cli, &bar);
        double sign = (double)sign_of(s, i), share;
        const pb_relinearised path = {sign * s->length, s->guidance.iterations};

        PB_TRY(pb_relinearise(session->model, s->request, s->basis, direction_of(s, i), &path,
                              s->stages, out, &share, &run, error));
        pb_say(session->cli, "v%zu %s: a share of %.3f of it survives %zu transports",
               direction_of(s, i), sign < 0 ? "backwards" : "forwards", share,
               s->guidance.iterations - 1);
    }
    return PB_OK;
}

static pb_status guide(const pb_strip *s, const pb_session *session, const float *x,
                       const pb_tensor *v, float *out, pb_error *error)
{
    pb_progress_bar bar = pb_progress_begin(session->cli, "guiding");
    const pb_run run = pb_progress_run(session->cli, &bar);
    size_t size = pb_session_image(session), count = s->count * sides(s);
    float *directions = signed_directions(s, v, size);
    pb_denoiser *editor = NULL;
    pb_status status = pb_session_editor(&editor, session, error);

    if (status == PB_OK && !directions)
        status = pb_fail_memory(error, count * size * sizeof *x, "directions");
    if (status == PB_OK && s->mode == PB_MODE_STRAIGHT)
        status = pb_straight(size, x, count, directions, s->length, s->stages, out, error);
    else if (status == PB_OK)
        status = pb_guide(session->schedule, editor, s->timestep, size, x, count, directions,
                          &s->guidance, s->stages, out, &run, error);
    pb_denoiser_free(editor);
    pb_free(directions);
    return status;
}

/* -- what the edits did ------------------------------------------------------------------------ */

/* The stages at which the noisy images of a single picture's edit are judged. */
#define JUDGED 4

/* Judges the stages of every direction and side as they are now, noisy images or decoded pictures:
 * what was not steady before stays as it was. stage: room for the stages. */
static void judge(pb_strip *s, const pb_pace_limits *limits, pb_pace_stage *stage)
{
    size_t size = size_of(s), stages = s->stages;

    for (size_t i = 0; i < s->count * sides(s); i++) {
        const float *at = s->images.data + (1 + i * stages) * size;
        for (size_t j = 0; j < stages; j++, at += size)
            stage[j] =
                (pb_pace_stage){.iterate = (size_t)pb_strip_iteration(s, (long)j + 1),
                                .change = pb_change(size, j ? at - size : s->images.data, at),
                                .distance = pb_change(size, s->images.data, at)};
        if (s->pace[i].kind == PB_PACE_STEADY)
            s->pace[i] = pb_pace_of(stages, stage, limits);
    }
}

static pb_status prepare(pb_strip *s, pb_pace_stage **stage, pb_error *error)
{
    size_t count = s->count * sides(s);

    s->pace = pb_calloc(count, sizeof *s->pace);
    s->outside = s->mask ? pb_calloc(count, sizeof *s->outside) : NULL;
    *stage = pb_malloc(MAX(s->stages, JUDGED), sizeof **stage);
    return s->pace && (s->outside || !s->mask) && *stage
               ? PB_OK
               : pb_fail_memory(error, count * (sizeof *s->pace + sizeof *s->outside),
                                "the pace of edits");
}

static void measure_outside(pb_strip *s)
{
    const size_t *shape = s->images.shape;

    for (size_t i = 0; s->mask && i < s->count * sides(s); i++)
        s->outside[i] =
            pb_outside(s->mask, shape[1], shape[2], shape[3], s->images.data, end_of(s, i));
}

/* One line for each direction: of the side that goes wrong first. */
static void warn(const pb_strip *s, const pb_cli *cli)
{
    for (size_t d = 0; d < s->count; d++) {
        size_t worst = d * sides(s);
        const pb_pace *p = &s->pace[worst], *other = p + sides(s) - 1;
        const char *side, *less = s->mode == PB_MODE_GUIDANCE ? "--strength or --edit-scale"
                                                              : "--strength or --edit-length";

        if (other->kind != PB_PACE_STEADY && (p->kind == PB_PACE_STEADY || other->to < p->to))
            p = other;
        side = sign_of(s, (size_t)(p - s->pace)) < 0 ? "backwards" : "forwards";
        if (p->kind == PB_PACE_COLLAPSED)
            pb_warn(cli,
                    "v%zu %s has come to its end: iterations %zu to %zu change %.2g times as much "
                    "as the first ones: a smaller --strength shows as much",
                    direction_of(s, worst), side, p->from + 1, p->to, p->share);
        else if (p->kind == PB_PACE_EXPLODED)
            pb_warn(cli,
                    "v%zu %s runs away: iterations %zu to %zu change %.2g times as much as the "
                    "first ones: try a smaller %s",
                    direction_of(s, worst), side, p->from + 1, p->to, p->share, less);
        else if (p->kind == PB_PACE_FAST)
            pb_warn(cli,
                    "v%zu %s goes far and fast, iterations %zu to %zu by %.3g of 255 "
                    "each: where the picture is lost, try a smaller %s",
                    direction_of(s, worst), side, p->from + 1, p->to, p->rate * 255 / 2, less);
    }
}

static pb_status go(const pb_strip *s, const pb_session *session, const float *x,
                    const pb_tensor *v, float *out, pb_error *error)
{
    return s->mode == PB_MODE_RELINEARISE ? relinearise(s, session, out, error)
                                          : guide(s, session, x, v, out, error);
}

/* Goes all the way, and judges it. One picture shows its end only: it is judged on the way. */
static pb_status travel(pb_strip *s, const pb_session *session, const float *x, const pb_tensor *v,
                        pb_pace_stage *stage, pb_error *error)
{
    size_t size = pb_session_image(session), n = s->count * sides(s);
    pb_strip fine = *s;
    pb_status status;

    fine.stages = MIN(JUDGED, s->guidance.iterations);
    if (s->stages > 1 || fine.stages <= 1) {
        PB_TRY(go(s, session, x, v, s->images.data + size, error));
        judge(s, NULL, stage);
        return PB_OK;
    }
    fine.images = PB_TENSOR_EMPTY;
    PB_TRY(pb_tensor_new(&fine.images, 2, (size_t[]){1 + n * fine.stages, size}, error));
    memcpy(fine.images.data, x, size * sizeof *x);
    status = go(&fine, session, x, v, fine.images.data + size, error);
    if (status == PB_OK)
        judge(&fine, NULL, stage);
    for (size_t i = 0; status == PB_OK && i < n; i++)
        memcpy(s->images.data + (1 + i) * size, end_of(&fine, i), size * sizeof *x);
    pb_tensor_clear(&fine.images);
    return status;
}

static pb_status check(const pb_strip *s, const pb_session *session, const pb_tensor *x,
                       const pb_tensor *v, pb_error *error)
{
    const size_t images[4] = {0, session->info->in_channels, session->height, session->width};

    PB_TRY(pb_shape_check(x, 4, images, "a point", error));
    PB_TRY(pb_shape_check(v, 4, images, "directions", error));
    for (size_t d = 0; d < s->count; d++)
        if (s->direction[d] >= v->shape[0])
            return pb_fail(error, PB_INVALID, "direction %zu of 0 to %zu", s->direction[d],
                           v->shape[0] - 1);
    return PB_OK;
}

pb_status pb_strip_make(pb_strip *s, pb_session *session, const pb_tensor *x, const pb_tensor *v,
                        pb_error *error)
{
    size_t size = pb_session_image(session), edits = s->count * sides(s) * s->stages;
    const size_t shape[4] = {1 + edits, session->info->in_channels, session->height,
                             session->width};
    const pb_boost boost = {.t = s->boost, .seed = s->noise_seed};
    const pb_pace_limits limits = {.rate = FAST / (double)full_of(s), .distance = FAR};
    pb_pace_stage *stage = NULL;
    pb_status status;

    PB_TRY(check(s, session, x, v, error));
    PB_TRY(pb_tensor_new(&s->images, 4, shape, error));
    memcpy(s->images.data, x->data, size * sizeof *x->data);
    status = edits ? prepare(s, &stage, error) : PB_OK;
    if (status == PB_OK && edits)
        status = travel(s, session, x->data, v, stage, error);
    if (status == PB_OK)
        status =
            pb_session_move(session, "decoding", &s->images, s->grid, 0, s->steps, &boost, error);
    if (status == PB_OK)
        status = pb_session_decode(session, &s->images, error);
    if (status == PB_OK && edits) {
        judge(s, &limits, stage);
        measure_outside(s);
        warn(s, session->cli);
    }
    pb_free(stage);
    return status;
}

pb_status pb_strip_paste(const pb_strip *s, const pb_cli *cli, const float *image,
                         const pb_photo *photo, const char *path, const char *settings, int quality,
                         pb_error *error)
{
    const size_t *shape = s->images.shape;
    pb_tensor change = {0};
    char *lost = NULL;
    pb_status status = pb_blend(photo, pb_strip_image(s, 0, 0), image, shape[1], shape[3], shape[2],
                                &change, error);

    if (status == PB_OK)
        status = pb_original_write(photo, &change, path, settings, quality, &lost, error);
    if (lost)
        pb_warn(cli, "%s does not keep all of the photo: %s", path, lost);
    g_free(lost);
    pb_tensor_clear(&change);
    return status;
}

/* -- drawing --------------------------------------------------------------------------------- */

/* The null space, what of the change lies outside the mask, and what was warned of. */
static void describe_effect(const pb_strip *s, const pb_basis *basis, json_t *object)
{
    static const char *const kinds[] = {"steady", "collapsed", "exploded", "fast"};
    json_t *warnings = json_array(), *outside = json_array();

    for (size_t i = 0; s->pace && i < s->count * sides(s); i++) {
        const pb_pace *p = &s->pace[i];
        if (p->kind != PB_PACE_STEADY)
            json_array_append_new(warnings,
                                  json_pack("{s:i, s:i, s:s, s:i, s:i, s:f}", "direction",
                                            (int)direction_of(s, i), "side", (int)sign_of(s, i),
                                            "pace", kinds[p->kind], "from", (int)p->from, "to",
                                            (int)p->to, "share_of_first", p->share));
        if (s->outside)
            json_array_append_new(outside,
                                  json_pack("{s:i, s:i, s:f}", "direction", (int)direction_of(s, i),
                                            "side", (int)sign_of(s, i), "share", s->outside[i]));
    }
    json_object_set_new(object, "pace_warnings", warnings);
    if (!s->outside) {
        json_decref(outside);
        return;
    }
    json_object_set_new(object, "null_rank", json_integer((json_int_t)basis->null_rank));
    json_object_set_new(object, "outside_mask", outside);
}

double pb_strip_strength(const pb_strip *s)
{
    double share = (double)s->guidance.iterations / (double)full_of(s);

    return s->one_side < 0 ? -share : share;
}

double pb_strip_change(const pb_strip *s, size_t d)
{
    double change = 0;

    for (size_t i = d * sides(s); i < (d + 1) * sides(s); i++)
        change = fmax(change, pb_change(size_of(s), s->images.data, end_of(s, i)));
    return change * 255 / 2;
}

double pb_strip_outside(const pb_strip *s, size_t d)
{
    double share = 0;

    for (size_t i = d * sides(s); i < (d + 1) * sides(s); i++)
        share = fmax(share, s->outside[i]);
    return share;
}

/* The model as it was named; of a whole path its end, for pictures are shown to others. */
static char *model_name(const pb_session *session)
{
    const char *name = session->cli->model;

    return g_path_is_absolute(name) ? g_path_get_basename(name) : g_strdup(name);
}

char *pb_strip_settings(const pb_strip *s, const pb_session *session, const pb_basis *basis)
{
    char *model = model_name(session);
    json_t *directions = json_array();
    json_t *object;
    char *text;

    for (size_t d = 0; d < s->count; d++)
        json_array_append_new(directions, json_integer((json_int_t)s->direction[d]));
    object = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:f, s:i, s:o, s:s, s:f, s:f, s:i, s:f, s:i, s:f, s:I}",
        "pullback", pb_version(), "model", model, "model_hash", basis->model_hash, "from",
        basis->from, "tap", basis->to, "timestep", s->timestep, "steps", (int)s->steps,
        "directions", directions, "mode", pb_mode_name(s->mode), "edit_step", s->guidance.step,
        "edit_scale", s->guidance.scale, "edit_iterations", (int)full_of(s), "strength",
        pb_strip_strength(s), "stages", (int)s->stages, "boost", s->boost, "noise_seed",
        (json_int_t)s->noise_seed);
    if (s->mode != PB_MODE_GUIDANCE)
        json_object_set_new(object, "edit_length", json_real(s->length));
    describe_effect(s, basis, object);
    if (s->area)
        json_object_set_new(object, "crop",
                            json_pack("[I, I, I, I]", (json_int_t)s->area->x,
                                      (json_int_t)s->area->y, (json_int_t)s->area->width,
                                      (json_int_t)s->area->height));
    pb_prompts_describe(&session->prompts, object);
    g_free(model);
    text = pb_json_ascii(object);
    json_decref(object);
    return text;
}

/* Where the strips come from, under which prompt, and how each mode among them goes. */
static char *caption(size_t count, const pb_strip *const *strips, const pb_session *session,
                     const pb_basis *basis)
{
    char *name = g_path_get_basename(session->info->path);
    GString *text = g_string_new(NULL);

    const char *prompt = session->prompts.text[PB_EDIT_PROMPT];

    g_string_printf(text, "%s, %s → %s, timestep %.4g of %zu", name, basis->from, basis->to,
                    strips[0]->timestep, pb_schedule_length(session->schedule));
    g_string_append_printf(text, prompt && *prompt ? ", under “%s”\n" : "\n", prompt);
    for (size_t i = 0; i < count; i++) {
        const pb_strip *s = strips[i];
        if (i && s->mode == strips[i - 1]->mode)
            continue;
        if (s->mode == PB_MODE_GUIDANCE)
            g_string_append_printf(text, "edit step %g, scale %g, %zu iterations (strength %.2g), ",
                                   s->guidance.step, s->guidance.scale, s->guidance.iterations,
                                   pb_strip_strength(s));
        else
            g_string_append_printf(text, "%s, length %g, ", pb_mode_name(s->mode), s->length);
    }
    if (strips[0]->boost > 0)
        g_string_append_printf(text, "boost from t = %g", strips[0]->boost);
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

static layout lay_out(size_t count, const pb_strip *const *strips)
{
    long stages = (long)strips[0]->stages;
    layout l = {2 * strips[0]->stages + 1, g_ptr_array_new(),
                g_ptr_array_new_with_free_func(g_free), g_ptr_array_new_with_free_func(g_free)};

    for (long stage = -stages; stage <= stages; stage++)
        g_ptr_array_add(l.column, stage
                                      ? g_strdup_printf("%s%ld", stage < 0 ? "−" : "+",
                                                        labs(pb_strip_iteration(strips[0], stage)))
                                      : g_strdup("reconstruction"));
    for (size_t d = 0; d < strips[0]->count; d++)
        for (size_t i = 0; i < count; i++) {
            const char *label = strips[i]->label;
            g_ptr_array_add(l.row, g_strdup_printf("v%zu%s%s", strips[i]->direction[d],
                                                   label ? " " : "", label ? label : ""));
            for (long stage = -stages; stage <= stages; stage++)
                g_ptr_array_add(l.tiles, (gpointer)pb_strip_image(strips[i], d, stage));
        }
    return l;
}

/* The settings of one strip, or a list of those of several. */
static char *all_settings(size_t count, const pb_strip *const *strips, const pb_session *session,
                          const pb_basis *basis)
{
    GString *list = g_string_new(count > 1 ? "[" : "");
    char *text;

    for (size_t i = 0; i < count; i++) {
        char *one = pb_strip_settings(strips[i], session, basis);
        g_string_append_printf(list, "%s%s", i ? "," : "", one ? one : "{}");
        free(one);
    }
    g_string_append(list, count > 1 ? "]" : "");
    text = g_string_free(list, FALSE);
    return text;
}

pb_status pb_strip_write(size_t count, const pb_strip *const *strips, const pb_session *session,
                         const pb_basis *basis, const char *path, pb_error *error)
{
    const size_t *shape = strips[0]->images.shape;
    char *text = caption(count, strips, session, basis);
    char *settings = all_settings(count, strips, session, basis);
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
                                       .marked = strips[0]->stages,
                                       .caption = text},
                           &pixels, error);
    if (status == PB_OK)
        status = pb_pixels_write(&pixels, path, settings, error);
    pb_pixels_clear(&pixels);
    g_ptr_array_unref(l.tiles);
    g_ptr_array_unref(l.column);
    g_ptr_array_unref(l.row);
    g_free(settings);
    g_free(text);
    return status;
}
