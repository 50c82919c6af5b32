#include "models/components.h"

#include <stdio.h>
#include <string.h>

/* -- the tables ------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    pb_kind kind;
} roles[] = {
    [PB_ROLE_UNET] = {"unet", PB_KIND_DENOISER},
    [PB_ROLE_SCHEDULER] = {"scheduler", PB_KIND_ANY}, /* scheduler.c */
    [PB_ROLE_VAE] = {"vae", PB_KIND_AUTOENCODER},
    [PB_ROLE_TEXT_ENCODER] = {"text_encoder", PB_KIND_TEXT_ENCODER},
    [PB_ROLE_TOKENIZER] = {"tokenizer", PB_KIND_TOKENIZER},
    [PB_ROLE_TEXT_ENCODER_2] = {"text_encoder_2", PB_KIND_TEXT_ENCODER},
    [PB_ROLE_TOKENIZER_2] = {"tokenizer_2", PB_KIND_TOKENIZER},
    /* Results do not depend on these: */
    [PB_ROLES] = {"safety_checker", PB_KIND_ANY}, /* blackens pictures */
    {"feature_extractor", PB_KIND_ANY},           /* of the safety checker */
    {"image_encoder", PB_KIND_ANY},               /* of pictures as prompts, which nothing takes */
};

#define CLIP_TOKENIZER                                                                             \
    .kind = PB_KIND_TOKENIZER, .library = PB_TRANSFORMERS, .files = {"vocab.json",                 \
                                                                     "merges.txt",                 \
                                                                     "tokenizer_config.json",      \
                                                                     "special_tokens_map.json",    \
                                                                     "added_tokens.json",          \
                                                                     "tokenizer.json"},            \
    .tokenizer = pb_tokenizer_open

static const pb_component components[] = {
    {.class = "UNet2DModel",
     .kind = PB_KIND_DENOISER,
     .library = PB_DIFFUSERS,
     .files = {"config.json"},
     .build = pb_unet2d},
    {.class = "UNet2DConditionModel",
     .kind = PB_KIND_DENOISER,
     .library = PB_DIFFUSERS,
     .files = {"config.json"},
     .build = pb_unet2d_condition},
    {.class = "AutoencoderKL",
     .kind = PB_KIND_AUTOENCODER,
     .library = PB_DIFFUSERS,
     .files = {"config.json"},
     .build = pb_autoencoder_kl},
    {.class = "CLIPTextModel",
     .kind = PB_KIND_TEXT_ENCODER,
     .library = PB_TRANSFORMERS,
     .files = {"config.json"},
     .build = pb_clip_text},
    {.class = "CLIPTextModelWithProjection",
     .kind = PB_KIND_TEXT_ENCODER,
     .library = PB_TRANSFORMERS,
     .files = {"config.json"},
     .build = pb_clip_text_projected},
    {.class = "CLIPTokenizer", CLIP_TOKENIZER},
    {.class = "CLIPTokenizerFast", CLIP_TOKENIZER},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* -- finding --------------------------------------------------------------------------------- */

const char *pb_role_name(pb_role role)
{
    return roles[role].name;
}

pb_kind pb_role_kind(pb_role role)
{
    return roles[role].kind;
}

pb_role pb_role_find(const char *name, bool *known)
{
    size_t i = 0;

    while (i < COUNT(roles) && strcmp(roles[i].name, name))
        i++;
    *known = i < COUNT(roles);
    return i < PB_ROLES ? (pb_role)i : PB_ROLES;
}

const pb_component *pb_component_find(pb_kind kind, const char *class)
{
    for (size_t i = 0; i < COUNT(components); i++)
        if (components[i].kind == kind && !strcmp(components[i].class, class))
            return &components[i];
    return NULL;
}

pb_class_names pb_component_names(pb_kind kind, const char *quote)
{
    pb_class_names names = {""};
    size_t length = 0;

    for (size_t i = 0; i < COUNT(components) && length < sizeof names.text; i++)
        if (components[i].kind == kind)
            length += (size_t)snprintf(names.text + length, sizeof names.text - length, "%s%s%s%s",
                                       length ? " or " : "", quote, components[i].class, quote);
    return names;
}

/* -- building -------------------------------------------------------------------------------- */

/* diffusers names the class in _class_name, transformers in a list; early releases say nothing. */
static const char *read_class(pb_config *c, pb_family library, const char **key)
{
    const char *class = pb_config_string(c, *key = "_class_name", NULL);

    if (class || library != PB_TRANSFORMERS)
        return class;
    pb_config_nullable(c, *key = "architectures");
    pb_config_strings(c, *key, 1, &class);
    return class;
}

pb_status pb_component_build(const pb_component **component, pb_graph **graph,
                             pb_component_facts *facts, pb_config *config,
                             const pb_weights *weights, pb_error *error)
{
    const pb_kind kind = *component ? (*component)->kind : PB_KIND_DENOISER;
    const char *key,
        *class = read_class(config, *component ? (*component)->library : PB_DIFFUSERS, &key);

    if (class)
        *component = pb_component_find(kind, class);
    if (*component)
        return (*component)->build(graph, facts, config, weights, error);
    if (class)
        pb_config_fail(config, PB_UNSUPPORTED, key, "\"%s\" is not supported: expected %s", class,
                       pb_component_names(kind, "\"").text);
    else
        pb_config_fail(config, PB_UNSUPPORTED, key,
                       "expected %s, found none: not a model of diffusers",
                       pb_component_names(kind, "\"").text);
    return pb_config_close(config, error);
}
