#include "studio/facts.h"

#include <glib.h>
#include <math.h>

#include <pullback/latent.h>
#include <pullback/svd.h>

#include "studio/loras.h"

static size_t usual(const pb_model_info *info, size_t size)
{
    size_t multiple = info->size_multiple;

    size = size < info->size_least ? info->size_least : size;
    return (size + multiple - 1) / multiple * multiple;
}

static void find_missing(pb_facts *f, const pb_model_info *info)
{
    if (info->latent && !info->has_autoencoder)
        f->missing[f->missing_count++] = "vae";
    if (info->context_width && !info->has_tokenizer)
        f->missing[f->missing_count++] = "tokenizer";
    if (info->context_width && !info->has_text_encoder)
        f->missing[f->missing_count++] = "text_encoder";
    if (info->pooled_width && !info->has_tokenizer_2)
        f->missing[f->missing_count++] = "tokenizer_2";
    if (info->pooled_width && !info->has_text_encoder_2)
        f->missing[f->missing_count++] = "text_encoder_2";
}

pb_status pb_facts_find(pb_facts *f, const pb_model *model, const pb_run *run, pb_error *error)
{
    const pb_model_info *info = pb_model_get_info(model);
    pb_map_options map = PB_MAP_DEFAULTS;
    size_t from[3], to[3];

    *f = (pb_facts){.height = usual(info, info->sample_height),
                    .width = usual(info, info->sample_width)};
    find_missing(f, info);
    map.condition.class_label = info->class_conditional ? 0 : -1;
    PB_TRY(pb_map_estimate(&f->map, model, &map, f->height, f->width, run, error));
    PB_TRY(pb_model_tap_shape(model, "x", f->height, f->width, from, error));
    PB_TRY(pb_model_tap_shape(model, "mid", f->height, f->width, to, error));
    f->vectors =
        pb_svd_memory(to[0] * to[1] * to[2], from[0] * from[1] * from[2], PB_FACTS_RANK, 0);
    f->all = f->map.saved_bytes + f->map.packed_bytes + f->map.arena_bytes + f->vectors +
             info->weight_bytes;
    return PB_OK;
}

char *pb_facts_sizes(const pb_model_info *info, size_t factor)
{
    size_t multiple = factor * info->size_multiple, least = factor * info->size_least;
    GString *text = g_string_new("any");

    if (multiple > 1)
        g_string_printf(text, "multiples of %zu", multiple);
    if (least > multiple)
        g_string_append_printf(text, " from %zu on", least);
    return g_string_free(text, FALSE);
}

size_t pb_facts_factor(const pb_model *model, pb_error *why)
{
    pb_autoencoder *autoencoder;
    size_t factor;

    if (!pb_model_get_info(model)->has_autoencoder ||
        pb_autoencoder_open(&autoencoder, model, why) != PB_OK)
        return 0;
    factor = pb_autoencoder_get_info(autoencoder).factor;
    pb_autoencoder_free(autoencoder);
    return factor;
}

/* -- as an object --------------------------------------------------------------------------------
 */

static json_t *shapes_json(const pb_model *model, const pb_facts *f)
{
    json_t *taps = json_object();
    const char *tap;
    size_t s[3];

    for (size_t i = 0; (tap = pb_model_tap(model, i)) != NULL; i++)
        if (pb_model_tap_shape(model, tap, f->height, f->width, s, NULL) == PB_OK)
            json_object_set_new(taps, tap, json_pack("[iii]", (int)s[0], (int)s[1], (int)s[2]));
    return taps;
}

/* {"unet": "UNet2DModel", …} */
static json_t *components_json(const pb_model *model)
{
    json_t *all = json_object();
    const char *role, *class;

    for (size_t i = 0; (role = pb_model_component(model, i, &class)) != NULL; i++)
        json_object_set_new(all, role, json_string(class));
    return all;
}

/* The lines, as a list; NULL: there are none. */
static json_t *inferred_json(const char *inferred)
{
    char **lines = inferred ? g_strsplit(inferred, "\n", -1) : NULL;
    json_t *all = lines ? json_array() : NULL;

    for (size_t i = 0; lines && lines[i]; i++)
        json_array_append_new(all, json_string(lines[i]));
    g_strfreev(lines);
    return all;
}

/* A number that may be absent. */
static json_t *optional(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static json_t *needs_json(const pb_facts *f)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "saved_bytes",
                     (json_int_t)f->map.saved_bytes, "packed_bytes",
                     (json_int_t)f->map.packed_bytes, "arena_bytes", (json_int_t)f->map.arena_bytes,
                     "block", (json_int_t)f->map.block, "vector_bytes", (json_int_t)f->vectors,
                     "total_bytes", (json_int_t)f->all);
}

/* What steps that are never reversed do to the image predicted. */
static json_t *clip_json(const pb_clip *clip)
{
    switch (clip->kind) {
    case PB_CLIP_RANGE:
        return json_pack("{s:f}", "clip_sample_range", clip->range);
    case PB_CLIP_QUANTILE:
        return json_pack("{s:f, s:f}", "dynamic_thresholding_ratio", clip->ratio,
                         "sample_max_value", clip->most);
    case PB_CLIP_NONE:
        break;
    }
    return json_null();
}

json_t *pb_facts_json(const pb_model *model, const pb_facts *f, const char *hash)
{
    const pb_model_info *info = pb_model_get_info(model);
    const pb_schedule *schedule = pb_model_schedule(model);
    const pb_recommended *r = &info->recommended;
    json_t *parts = json_array();

    for (size_t i = 0; i < f->missing_count; i++)
        json_array_append_new(parts, json_string(f->missing[i]));
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:[i,i], s:i, s:i, s:b, s:i, s:i, s:b, "
        "s:i, s:i, s:s, s:f, s:f, s:s?, s:o, s:{s:o, s:o, s:o, s:o, s:o}, s:o, s:s?, s:b, s:i, "
        "s:i, s:b, s:o, s:s?, s:o, s:o, s:i, s:b, s:o*, s:o*}",
        "model", info->path, "architecture", info->architecture, "scheduler", info->scheduler,
        "weights", info->weights, "dtype", info->dtype, "parameters", (json_int_t)info->parameters,
        "weight_bytes", (json_int_t)info->weight_bytes, "sample_size", (int)info->sample_height,
        (int)info->sample_width, "in_channels", (int)info->in_channels, "out_channels",
        (int)info->out_channels, "learned_variance", info->learned_variance, "size_multiple",
        (int)info->size_multiple, "size_least", (int)info->size_least, "class_conditional",
        info->class_conditional, "classes", (int)info->classes, "num_train_timesteps",
        (int)pb_schedule_length(schedule), "prediction_type",
        pb_prediction_name(pb_schedule_prediction(schedule)), "alpha_bar_first",
        pb_alpha_bar(schedule, 0), "alpha_bar_last",
        pb_alpha_bar(schedule, pb_schedule_length(schedule) - 1), "switched_off", info->ignored,
        "taps", shapes_json(model, f), "recommended", "t", optional(r->t), "edit_step",
        optional(r->step), "edit_scale", optional(r->scale), "edit_iterations",
        r->iterations ? json_integer((json_int_t)r->iterations) : json_null(), "boost",
        optional(r->boost), "memory", needs_json(f), "hash", hash, "latent", info->latent,
        "context_width", (int)info->context_width, "steps_offset", (int)info->steps_offset,
        "set_alpha_to_one", info->set_alpha_to_one, "missing", parts, "unused", info->unused,
        "clip", clip_json(&info->clip), "components", components_json(model), "pooled_width",
        (int)info->pooled_width, "zeros_for_none", info->zeros_for_none, "inferred",
        inferred_json(info->inferred), "loras", pb_loras_json(model));
}
