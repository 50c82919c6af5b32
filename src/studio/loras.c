#include "studio/loras.h"

#include <glib.h>

#include "base/ending.h"
#include "io/json.h"

/* Names that a warning has. */
#define FIRST 3

char *pb_lora_unmatched(const pb_lora_info *info)
{
    GString *text;

    if (!info->unmatched_count)
        return NULL;
    text = g_string_new(NULL);
    g_string_printf(text, "%s: %zu of its tensors fit nothing in this model and have no effect: ",
                    info->path, info->unmatched_count);
    for (size_t i = 0; i < info->unmatched_count && i < FIRST; i++)
        g_string_append_printf(text, "%s%s", i ? ", " : "", info->unmatched[i]);
    if (info->unmatched_count > FIRST)
        g_string_append(text, " … (info lists them)");
    return g_string_free(text, FALSE);
}

char *pb_lora_words(const pb_lora_info *info)
{
    const struct {
        const char *part;
        size_t layers;
    } parts[] = {{"unet", info->unet_layers},
                 {"text_encoder", info->text_encoder_layers},
                 {"text_encoder_2", info->text_encoder_2_layers}};
    GString *text = g_string_new(NULL);
    const char *between = "";

    g_string_printf(text, "%s times %g: ", info->path, info->weight);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].layers) {
            g_string_append_printf(text, "%s%zu%s of %s", between, parts[i].layers,
                                   *between               ? ""
                                   : parts[i].layers == 1 ? " layer"
                                                          : " layers",
                                   parts[i].part);
            between = ", ";
        }
    if (info->rank_most > info->rank_least)
        g_string_append_printf(text, ", ranks %zu to %zu", info->rank_least, info->rank_most);
    else if (info->rank_most)
        g_string_append_printf(text, ", rank %zu", info->rank_most);
    return g_string_free(text, FALSE);
}

static json_t *lora_json(const pb_lora_info *info)
{
    json_t *unmatched = json_array();

    for (size_t i = 0; i < info->unmatched_count; i++)
        json_array_append_new(unmatched, pb_json_name(info->unmatched[i]));
    return json_pack("{s:o, s:f, s:{s:I, s:I, s:I}, s:[I, I], s:o}", "file",
                     pb_json_name(info->path), "weight", info->weight, "layers", "unet",
                     (json_int_t)info->unet_layers, "text_encoder",
                     (json_int_t)info->text_encoder_layers, "text_encoder_2",
                     (json_int_t)info->text_encoder_2_layers, "ranks", (json_int_t)info->rank_least,
                     (json_int_t)info->rank_most, "unmatched", unmatched);
}

json_t *pb_loras_json(const pb_model *model)
{
    json_t *all = pb_model_lora(model, 0) ? json_array() : NULL;

    for (size_t i = 0; all && pb_model_lora(model, i); i++)
        json_array_append_new(all, lora_json(pb_model_lora(model, i)));
    return all;
}

void pb_loras_describe(const pb_model *model, json_t *object)
{
    const pb_lora_info *info = pb_model_lora(model, 0);
    json_t *all = info ? json_array() : NULL;

    for (size_t i = 0; (info = pb_model_lora(model, i)) != NULL; i++) {
        char weight[G_ASCII_DTOSTR_BUF_SIZE];
        char *text = g_strdup_printf("%s:%s", pb_last_name(info->path),
                                     g_ascii_formatd(weight, sizeof weight, "%.9g", info->weight));
        json_array_append_new(all, pb_json_name(text));
        g_free(text);
    }
    if (all)
        json_object_set_new(object, "loras", all);
}
