#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "models/original/parts.h"

static const char open_clip[] = "cond_stage_model.model.";

const char *pb_text_prefix(const pb_original *o)
{
    if (pb_original_find(o, "%stoken_embedding.weight", open_clip))
        return open_clip;
    return pb_original_has(o, "cond_stage_model.transformer.") ? "cond_stage_model.transformer."
                                                               : NULL;
}

static size_t count_layers(const pb_original *o, const char *prefix)
{
    size_t n = 0;

    while (pb_original_find(o, "%stransformer.resblocks.%zu.ln_1.weight", prefix, n))
        n++;
    return n;
}

/* Layer `number` of OpenCLIP's is known, and not needed. */
static void leave_layer(pb_original *o, const char *prefix, size_t number)
{
    char beginning[PB_NAME];
    int n = snprintf(beginning, sizeof beginning, "%stransformer.resblocks.%zu.", prefix, number);

    for (size_t i = 0; i < pb_weights_count(o->weights); i++)
        if (!strncmp(pb_weights_at(o->weights, i)->name, beginning, (size_t)n))
            o->taken[i] = true;
}

/* What shapes say, by the new names, and that heads have 64 numbers. */
static pb_status infer(pb_part *part, pb_original *o, bool is_open, pb_error *error)
{
    static const char embeddings[] = "text_model.embeddings.";
    static const char layers[] = "text_model.encoder.layers.";
    const pb_weights *w = part->selected;
    const size_t width = pb_size_of(w, 1, "%stoken_embedding.weight", embeddings);
    size_t n = 0;

    while (pb_size_of(w, 0, "%s%zu.layer_norm1.weight", layers, n))
        n++;
    if (width % 64 || !width)
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: numbers of each token in the text encoder, whose heads have 64: "
                       "expected a multiple of 64, found %zu: a folder with diffusers' configs for "
                       "it can be given (--config FOLDER)",
                       o->path, width);
    part->config = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "model_type", "clip_text_model", "vocab_size",
        (json_int_t)pb_size_of(w, 0, "%stoken_embedding.weight", embeddings), "hidden_size",
        (json_int_t)width, "intermediate_size",
        (json_int_t)pb_size_of(w, 0, "%s0.mlp.fc1.weight", layers), "num_hidden_layers",
        (json_int_t)n, "num_attention_heads", (json_int_t)(width / 64), "max_position_embeddings",
        (json_int_t)pb_size_of(w, 0, "%sposition_embedding.weight", embeddings), "hidden_act",
        is_open ? "gelu" : "quick_gelu");
    if (!part->config)
        return pb_fail_memory(error, 1, "a config");
    return pb_original_note(o, error, "text encoder: %s, %zu layers, %zu heads (its names)",
                            is_open ? "OpenCLIP's, to what enters its last layer" : "CLIP's", n,
                            width / 64);
}

pb_status pb_original_text(pb_part *part, pb_original *o, pb_release release, pb_error *error)
{
    const char *prefix = pb_text_prefix(o);
    const bool is_open = prefix == open_clip;
    pb_naming naming = {.layers = is_open ? count_layers(o, prefix) : 0};

    if (is_open && release == PB_SD2 && naming.layers > 1)
        leave_layer(o, prefix, --naming.layers);
    PB_TRY(pb_original_take(part, o, prefix, is_open ? pb_open_clip_name : pb_clip_name, &naming,
                            error));
    part->component = pb_component_find(PB_KIND_TEXT_ENCODER, "CLIPTextModel");
    PB_TRY(pb_original_config(&part->config, o, PB_ROLE_TEXT_ENCODER, error));
    return part->config ? PB_OK : infer(part, o, is_open, error);
}
