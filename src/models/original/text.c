#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "models/original/parts.h"

/* Where text encoders lie: 1.x and 2.x have one of these, XL has two. */
static const struct {
    const char *prefix;
    pb_role role;
    bool is_open; /* OpenCLIP's names? else CLIP's */
} places[] = {
    {"cond_stage_model.model.", PB_ROLE_TEXT_ENCODER, true},
    {"cond_stage_model.transformer.", PB_ROLE_TEXT_ENCODER, false},
    {"conditioner.embedders.0.transformer.", PB_ROLE_TEXT_ENCODER, false},
    {"conditioner.embedders.1.model.", PB_ROLE_TEXT_ENCODER_2, true},
};

#define PLACES (sizeof places / sizeof *places)

static size_t find_place(const pb_original *o, pb_role role)
{
    size_t i = 0;

    while (i < PLACES && (places[i].role != role || !pb_original_has(o, places[i].prefix)))
        i++;
    return i;
}

const char *pb_text_prefix(const pb_original *o, pb_role role)
{
    const size_t i = find_place(o, role);

    return i < PLACES ? places[i].prefix : NULL;
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

/* The three that lie one behind the other in OpenCLIP's in_proj_weight (3 C, C) and in_proj_bias
 * (3 C). *found: is it one of these? */
static pb_status add_fused(pb_taking *l, const pb_stored *t, const char *name,
                           const pb_naming *naming, bool *found, pb_error *error)
{
    static const char fused[] = ".attn.in_proj_", layers[] = "transformer.resblocks.";
    static const char *const parts[] = {"q", "k", "v"};
    const char *at = strstr(name, fused), *number = name + strlen(layers);
    char to[PB_NAME];
    size_t i;

    *found = at && !strncmp(name, layers, strlen(layers)) && pb_name_number(&number, &i) &&
             i < naming->layers && t->rank >= 1 && t->rank <= 2 && t->shape[0] % 3 == 0;
    for (size_t part = 0; *found && part < 3; part++) {
        pb_selected *s;
        snprintf(to, sizeof to, "text_model.encoder.layers.%zu.self_attn.%s_proj.%s", i,
                 parts[part], at + strlen(fused));
        PB_TRY(pb_taking_add(l, t, to, &s, error));
        s->rank = t->rank;
        memcpy(s->shape, t->shape, sizeof s->shape);
        s->shape[0] /= 3;
        s->first = part * (t->count / 3);
    }
    return PB_OK;
}

/* OpenCLIP's text_projection (W, P) as the weight (P, W) of a linear layer. */
static pb_status add_projection(pb_taking *l, const pb_stored *t, const char *name,
                                const pb_naming *naming, bool *found, pb_error *error)
{
    pb_selected *s;

    *found = naming->projected && !strcmp(name, "text_projection") && t->rank == 2;
    if (!*found)
        return PB_OK;
    PB_TRY(pb_taking_add(l, t, "text_projection.weight", &s, error));
    s->rank = 2;
    s->shape[0] = t->shape[1];
    s->shape[1] = t->shape[0];
    s->layout =
        (pb_layout){.rank = 2, .shape = {t->shape[1], t->shape[0]}, .stride = {1, t->shape[1]}};
    return PB_OK;
}

static pb_status remake_open_clip(pb_taking *l, const pb_stored *t, const char *name,
                                  const pb_naming *naming, bool *found, pb_error *error)
{
    return (strcmp(name, "text_projection") ? add_fused : add_projection)(l, t, name, naming, found,
                                                                          error);
}

/* What shapes say, by the new names, and that heads have 64 numbers. */
static pb_status infer(pb_part *part, pb_original *o, pb_role role, bool is_open, bool cut,
                       pb_error *error)
{
    static const char embeddings[] = "text_model.embeddings.";
    static const char layers[] = "text_model.encoder.layers.";
    const pb_weights *w = part->selected;
    const size_t width = pb_size_of(w, 1, "%stoken_embedding.weight", embeddings);
    const size_t projected = pb_size_of(w, 0, "text_projection.weight");
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
    if (projected)
        json_object_set_new(part->config, "projection_dim", json_integer((json_int_t)projected));
    return pb_original_note(o, error, "%s: %s%s, %zu layers, %zu heads (its names)",
                            pb_role_name(role), is_open ? "OpenCLIP's" : "CLIP's",
                            cut ? ", to what enters its last layer" : "", n, width / 64);
}

pb_status pb_original_text(pb_part *part, pb_original *o, pb_role role, pb_release release,
                           pb_error *error)
{
    const size_t place = find_place(o, role);
    const char *prefix = places[place].prefix;
    const bool is_open = places[place].is_open, projected = role == PB_ROLE_TEXT_ENCODER_2;
    pb_naming naming = {.layers = is_open ? count_layers(o, prefix) : 0, .projected = projected};
    const bool cut = is_open && pb_release_of(release)->cuts_text && naming.layers > 1;

    if (cut)
        leave_layer(o, prefix, --naming.layers);
    PB_TRY(pb_original_take(part, o, prefix, is_open ? pb_open_clip_name : pb_clip_name,
                            is_open ? remake_open_clip : NULL, &naming, error));
    part->component = pb_component_find(
        PB_KIND_TEXT_ENCODER, projected ? "CLIPTextModelWithProjection" : "CLIPTextModel");
    PB_TRY(pb_original_config(&part->config, o, role, error));
    return part->config ? PB_OK : infer(part, o, role, is_open, cut, error);
}
