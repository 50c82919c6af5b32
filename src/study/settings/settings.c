#include "study/settings/settings.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/legible.h"
#include "base/memory.h"
#include "io/json.h"
#include "session/session.h"
#include "studio/strip.h"

#define MAX_SETTINGS ((size_t)16 << 20) /* bytes */
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const kinds[] = {"timesteps", "samples", "models", "prompts"};
static const char *const fixes[] = {"nothing", "x", "t"};

const char *pb_study_name(pb_study_kind kind)
{
    return kinds[kind];
}

const char *pb_fix_name(pb_study_fix fix)
{
    return fixes[fix];
}

static json_t *list(size_t count, char **texts)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_string(texts[i]));
    return array;
}

json_t *pb_study_crop(const pb_crop *crop)
{
    if (crop->kind == PB_CROP_FACE)
        return json_string("auto");
    return crop->kind == PB_CROP_FIT ? json_null() : pb_area_json(&crop->area);
}

/* The opposite. Returns 0, or -1: it is none. */
static int crop_of(pb_crop *crop, json_t *value)
{
    json_int_t box[4];

    if (json_is_null(value))
        return 0;
    if (json_is_string(value)) {
        crop->kind = PB_CROP_FACE;
        return strcmp(json_string_value(value), "auto") ? -1 : 0;
    }
    if (json_unpack(value, "[I, I, I, I!]", &box[0], &box[1], &box[2], &box[3]) || box[2] < 1 ||
        box[3] < 1)
        return -1;
    crop->kind = PB_CROP_AREA;
    crop->area = (pb_area){box[0], box[1], (size_t)box[2], (size_t)box[3]};
    return 0;
}

pb_status pb_study_check_names(const pb_study_options *o, pb_error *error)
{
    const char *const names[] = {o->folder, o->catalogue, o->costs, o->schedule, o->vae, o->config};

    for (size_t i = 0; i < o->model_count; i++)
        PB_TRY(pb_check_utf8(o->models[i], error));
    for (size_t i = 0; i < o->image_count; i++)
        PB_TRY(pb_check_utf8(o->images[i], error));
    for (size_t i = 0; i < o->lora_count; i++)
        PB_TRY(pb_check_utf8(o->loras[i], error));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        PB_TRY(names[i] ? pb_check_utf8(names[i], error) : PB_OK);
    return PB_OK;
}

json_t *pb_study_settings(const pb_study_options *o)
{
    json_t *settings;

    settings = json_pack(
        "{s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:f, s:s, s:s, s:s, s:s, s:b, s:s, s:o, s:i,"
        " s:s*, s:s*, s:s}",
        "pullback", pb_version(), "study", kinds[o->kind], "models",
        list(o->model_count, o->models), "images", list(o->image_count, o->images), "samples",
        (json_int_t)o->samples, "seed", (json_int_t)o->seed, "timesteps", (json_int_t)o->timesteps,
        "steps", (json_int_t)o->steps, "rank", (json_int_t)o->rank, "tol", o->tolerance, "from",
        o->from, "tap", o->to, "fix", fixes[o->fix], "space", o->in_x ? "X" : "H", "direct",
        o->direct, "fit", pb_fit_name(o->crop.fit), "crop", pb_study_crop(&o->crop), "class",
        o->class_label, "costs", o->costs, "catalogue", o->catalogue, "folder", o->folder);
    if (!o->image_count)
        json_object_set_new(settings, "boost", json_real(o->boost));
    if (o->crop.megapixels > 0 && o->crop.megapixels != PB_MEGAPIXELS)
        json_object_set_new(settings, "max_megapixels", json_real(o->crop.megapixels));
    if (o->latents)
        json_object_set_new(settings, "latents", json_true());
    if (o->schedule)
        json_object_set_new(settings, "schedule", json_string(o->schedule));
    if (o->vae)
        json_object_set_new(settings, "vae", json_string(o->vae));
    if (o->prediction_type)
        json_object_set_new(settings, "prediction_type", json_string(o->prediction_type));
    if (o->config)
        json_object_set_new(settings, "config", json_string(o->config));
    if (o->lora_count)
        json_object_set_new(settings, "loras", list(o->lora_count, o->loras));
    if (o->prompt)
        json_object_set_new(settings, "prompt", json_string(o->prompt));
    if (o->edit_prompt)
        json_object_set_new(settings, "edit_prompt", json_string(o->edit_prompt));
    if (o->guidance_scale != 1) {
        json_object_set_new(settings, "negative_prompt",
                            json_string(o->negative_prompt ? o->negative_prompt : ""));
        json_object_set_new(settings, "guidance_scale", json_real(o->guidance_scale));
        json_object_set_new(settings, "guided", json_boolean(o->guided));
    }
    if (o->negative_prompt && !*o->negative_prompt) /* which "" alone does not tell from none */
        json_object_set_new(settings, "negative_prompt_given", json_true());
    if (memcmp(&o->sizes, &PB_STUDY_DEFAULTS.sizes, sizeof o->sizes))
        json_object_set_new(settings, "sizes", json_string(pb_sizes_write(&o->sizes).text));
    if (o->prompt_count)
        json_object_set_new(settings, "prompts", list(o->prompt_count, o->prompts));
    return settings;
}

/* The number of a name in a list, or -1. */
static int number_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(name, names[i]))
            return (int)i;
    return -1;
}

static pb_status read_list(char ***out, size_t *count, json_t *array, const char *path,
                           const char *key, pb_error *error)
{
    *count = json_array_size(array);
    *out = pb_calloc(*count + 1, sizeof **out);
    if (!*out)
        return pb_fail_memory(error, (*count + 1) * sizeof **out, path);
    for (size_t i = 0; i < *count; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (!text)
            return pb_fail(error, PB_FORMAT, "%s: \"%s\": item %zu: expected a string", path, key,
                           i);
        (*out)[i] = (char *)text;
    }
    return PB_OK;
}

/* A number, and what it may be. */
typedef struct range {
    const char *name;
    double value, least, most;
} range;

static pb_status check_ranges(size_t count, const range *ranges, const char *path, pb_error *error)
{
    for (const range *r = ranges; r < ranges + count; r++)
        if (!(r->value >= r->least && r->value <= r->most))
            return pb_fail(error, PB_FORMAT, "%s: %s: expected %g to %g, found %g", path, r->name,
                           r->least, r->most, r->value);
    return PB_OK;
}

static pb_status fail_word(const char *path, const char *name, const char *found, pb_error *error)
{
    return pb_fail(error, PB_FORMAT, "%s: %s: there is no %s", path, name, found);
}

static pb_status take(pb_study_options *o, const char *path, pb_error *error)
{
    const char *study, *fix, *space, *fit, *from, *to, *costs = NULL, *catalogue = NULL, *folder;
    json_t *models, *images, *prompts = NULL, *loras = NULL, *crop = NULL;
    const char *prompt = NULL, *edit_prompt = NULL, *negative = NULL, *schedule = NULL;
    const char *vae = NULL, *prediction_type = NULL, *config = NULL;
    const char *sizes = NULL;
    int negative_given = 0;
    json_int_t samples, seed, timesteps, steps, rank, label;
    const char *version;
    double megapixels = 0;
    int kind, fix_number;
    json_error_t why;

    if (json_unpack_ex(o->file, &why, 0,
                       "{s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:F, s:s, s:s, s:s, s:s, "
                       "s:b, s:s, s:o, s:I, s?s, s?s, s:s, s?s, s?s, s?o, s?s, s?F, s?b, s?b, s?s, "
                       "s?F, s?F, s?s, s?b, s?s, s?s, s?s, s?o}",
                       "pullback", &version, "study", &study, "models", &models, "images", &images,
                       "samples", &samples, "seed", &seed, "timesteps", &timesteps, "steps", &steps,
                       "rank", &rank, "tol", &o->tolerance, "from", &from, "tap", &to, "fix", &fix,
                       "space", &space, "direct", &o->direct, "fit", &fit, "crop", &crop, "class",
                       &label, "costs", &costs, "catalogue", &catalogue, "folder", &folder,
                       "prompt", &prompt, "edit_prompt", &edit_prompt, "prompts", &prompts,
                       "negative_prompt", &negative, "guidance_scale", &o->guidance_scale, "guided",
                       &o->guided, "latents", &o->latents, "schedule", &schedule, "boost",
                       &o->boost, "max_megapixels", &megapixels, "sizes", &sizes,
                       "negative_prompt_given", &negative_given, "vae", &vae, "prediction_type",
                       &prediction_type, "config", &config, "loras", &loras))
        return pb_fail(error, PB_FORMAT, "%s: not a study's settings: %s", path, why.text);
    kind = number_of(study, kinds, COUNT(kinds));
    fix_number = number_of(fix, fixes, COUNT(fixes));
    if (kind < 0)
        return fail_word(path, "study", study, error);
    if (fix_number < 0)
        return fail_word(path, "fix", fix, error);
    if (pb_fit_of(&o->crop.fit, fit))
        return fail_word(path, "fit", fit, error);
    if (strcmp(space, "H") && strcmp(space, "X"))
        return fail_word(path, "space", space, error);
    if (!*folder)
        return pb_fail(error, PB_FORMAT, "%s: folder: expected a name", path);
    if (crop_of(&o->crop, crop))
        return pb_fail(error, PB_FORMAT,
                       "%s: crop: expected [x, y, width, height], \"auto\" or null", path);
    if (sizes && pb_sizes_read(&o->sizes, sizes))
        return pb_fail(error, PB_FORMAT, "%s: sizes: %s is none", path, sizes);
    PB_TRY(check_ranges(10,
                        (const range[]){{"samples", (double)samples, 1, 100000},
                                        {"timesteps", (double)timesteps, 1, 100000},
                                        {"steps", (double)steps, 2, 100000},
                                        {"rank", (double)rank, 1, 100000},
                                        {"seed", (double)seed, 0, INFINITY},
                                        {"class", (double)label, -1, 10000000},
                                        {"guidance_scale", o->guidance_scale, -1000, 1000},
                                        {"boost", o->boost, 0, 1},
                                        {"max_megapixels", megapixels, 0, 10000},
                                        {"tol", o->tolerance, DBL_MIN, 1}},
                        path, error));
    o->kind = (pb_study_kind)kind;
    o->fix = (pb_study_fix)fix_number;
    o->crop.megapixels = megapixels;
    o->in_x = !strcmp(space, "X");
    o->samples = (size_t)samples;
    o->seed = (uint64_t)seed;
    o->timesteps = (size_t)timesteps;
    o->steps = (size_t)steps;
    o->rank = (size_t)rank;
    o->class_label = (int)label;
    o->from = (char *)from;
    o->to = (char *)to;
    o->costs = (char *)costs;
    o->schedule = (char *)schedule;
    o->vae = (char *)vae;
    o->prediction_type = (char *)prediction_type;
    o->config = (char *)config;
    o->catalogue = (char *)catalogue;
    o->folder = (char *)folder;
    o->prompt = prompt;
    o->edit_prompt = edit_prompt;
    o->negative_prompt = negative && (*negative || negative_given) ? negative : NULL;
    if (prompts)
        PB_TRY(read_list(&o->prompts, &o->prompt_count, prompts, path, "prompts", error));
    if (loras)
        PB_TRY(read_list(&o->loras, &o->lora_count, loras, path, "loras", error));
    PB_TRY(read_list(&o->models, &o->model_count, models, path, "models", error));
    return read_list(&o->images, &o->image_count, images, path, "images", error);
}

pb_status pb_study_settings_read(pb_study_options *o, const char *path, pb_error *error)
{
    int force = o->force;

    *o = PB_STUDY_DEFAULTS;
    o->force = force;
    PB_TRY(pb_json_read(&o->file, path, MAX_SETTINGS, 0, error));
    return take(o, path, error);
}

void pb_study_options_clear(pb_study_options *o)
{
    if (o->file) {
        pb_free(o->models);
        pb_free(o->images);
        pb_free(o->loras);
        o->models = o->images = o->loras = NULL;
    }
    pb_free(o->prompts);
    pb_free(o->text);
    json_decref(o->file);
    o->prompts = NULL;
    o->text = NULL;
    o->file = NULL;
}

char *pb_study_catalogue(const pb_study_options *o)
{
    return o->catalogue ? pb_strdup(o->catalogue) : pb_sprintf("%s/catalogue.sqlite", o->folder);
}
