#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "models/original/parts.h"

#define MAX_LEVELS 8

const char *pb_vae_prefix(const pb_original *o)
{
    static const char *const prefixes[] = {"first_stage_model.", "vae.", ""};

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (pb_original_find(o, "%sencoder.conv_in.weight", prefixes[i]))
            return prefixes[i];
    return NULL;
}

/* Are the names behind the prefix those of diffusers? */
static bool is_of_diffusers(const pb_original *o, const char *prefix)
{
    return pb_original_find(o, "%sencoder.down_blocks.0.resnets.0.norm1.weight", prefix) != NULL;
}

static size_t count_levels(const pb_original *o, const char *prefix)
{
    size_t n = 0;

    while (pb_original_find(o, "%sencoder.down.%zu.block.0.norm1.weight", prefix, n))
        n++;
    return n;
}

/* What shapes say, by the new names. */
static json_t *config_of(const pb_weights *w, double scaling)
{
    json_t *down = json_array(), *up = json_array(), *channels = json_array(), *config;
    size_t layers = 0, size;

    while (pb_size_of(w, 0, "encoder.down_blocks.0.resnets.%zu.norm1.weight", layers))
        layers++;
    for (size_t i = 0; i < MAX_LEVELS; i++) {
        size = pb_size_of(w, 0, "encoder.down_blocks.%zu.resnets.0.conv2.weight", i);
        if (!size)
            break;
        json_array_append_new(channels, json_integer((json_int_t)size));
        json_array_append_new(down, json_string("DownEncoderBlock2D"));
        json_array_append_new(up, json_string("UpDecoderBlock2D"));
    }
    config = json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:b, s:b, s:b}", "_class_name",
                       "AutoencoderKL", "in_channels",
                       (json_int_t)pb_size_of(w, 1, "encoder.conv_in.weight"), "out_channels",
                       (json_int_t)pb_size_of(w, 0, "decoder.conv_out.weight"), "down_block_types",
                       down, "up_block_types", up, "block_out_channels", channels,
                       "layers_per_block", (json_int_t)layers, "latent_channels",
                       (json_int_t)pb_size_of(w, 1, "decoder.conv_in.weight"), "use_quant_conv",
                       pb_size_of(w, 0, "quant_conv.weight") > 0, "use_post_quant_conv",
                       pb_size_of(w, 0, "post_quant_conv.weight") > 0, "mid_block_add_attention",
                       pb_size_of(w, 0, "encoder.mid_block.attentions.0.group_norm.weight") > 0);
    if (config && !isnan(scaling))
        json_object_set_new(config, "scaling_factor", json_real(scaling));
    return config;
}

/* The config.json beside a file in the names of diffusers. *config NULL: there is none. */
static pb_status read_beside(json_t **config, const char *path, pb_error *error)
{
    const char *slash = strrchr(path, '/');
    char *beside = pb_sprintf("%.*sconfig.json", slash ? (int)(slash + 1 - path) : 0, path);
    pb_status status = beside ? pb_original_read_config(config, beside, error)
                              : pb_fail_memory(error, strlen(path) + 12, "a path");

    pb_free(beside);
    return status;
}

pb_status pb_original_vae(pb_part *part, pb_original *o, double scaling, const char *from,
                          pb_error *error)
{
    const char *prefix = pb_vae_prefix(o);
    const bool same = is_of_diffusers(o, prefix);
    const pb_naming naming = {.levels = count_levels(o, prefix)};

    PB_TRY(
        pb_original_take(part, o, prefix, same ? pb_same_name : pb_vae_name, NULL, &naming, error));
    part->component = pb_component_find(PB_KIND_AUTOENCODER, "AutoencoderKL");
    PB_TRY(pb_original_config(&part->config, o, PB_ROLE_VAE, error));
    if (!part->config && same)
        PB_TRY(read_beside(&part->config, o->path, error));
    if (part->config)
        return PB_OK;
    part->config = config_of(part->selected, scaling);
    return part->config ? pb_original_note(o, error, "autoencoder: latents scaled by %g (%s)",
                                           isnan(scaling) ? 0.18215 : scaling,
                                           isnan(scaling) ? "Stable Diffusion 1.x and 2.x" : from)
                        : pb_fail_memory(error, 1, "a config");
}
