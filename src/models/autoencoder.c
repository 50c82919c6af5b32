#include <stdio.h>
#include <string.h>

#include "models/architectures.h"
#include "models/fields.h"
#include "models/layers.h"

#define MAX_BLOCKS 8
#define MAX_LAYERS 64

typedef struct autoencoder {
    size_t in_channels, out_channels, latent_channels;
    size_t blocks, channels[MAX_BLOCKS], layers, groups;
    pb_activation activation;
    bool attention, quant, post_quant;
    double scaling;
} autoencoder;

/* -- config ---------------------------------------------------------------------------------- */

/* All blocks of one kind; returns how many. */
static size_t read_blocks(pb_config *c, const char *key, const char *kind)
{
    const char *types[MAX_BLOCKS];
    size_t count = pb_config_strings(c, key, MAX_BLOCKS, types);

    for (size_t i = 0; i < count; i++)
        if (strcmp(types[i], kind))
            pb_config_fail(c, PB_UNSUPPORTED, key, "block type \"%s\" is not supported", types[i]);
    return pb_config_has(c, key) ? count : 1;
}

/* Every field that the constructor of AutoencoderKL has in diffusers 0.42. */
static void read_config(pb_config *c, autoencoder *a)
{
    long channels[MAX_BLOCKS] = {64};
    size_t down, up;

    pb_config_nullable(c, "shift_factor"); /* whose default is None */
    pb_ignore_inert(c);
    down = read_blocks(c, "down_block_types", "DownEncoderBlock2D");
    up = read_blocks(c, "up_block_types", "UpDecoderBlock2D");
    a->blocks =
        pb_config_integers(c, "block_out_channels", MAX_BLOCKS, channels, 1, PB_MAX_CHANNELS);
    if (!pb_config_has(c, "block_out_channels"))
        a->blocks = 1;
    if (down != a->blocks || up != a->blocks || a->blocks == 0)
        pb_config_fail(c, PB_FORMAT, "block_out_channels",
                       "expected as many widths as block types, found %zu widths, "
                       "%zu down_block_types and %zu up_block_types",
                       a->blocks, down, up);
    for (size_t i = 0; i < a->blocks; i++)
        a->channels[i] = (size_t)channels[i];
    a->in_channels = pb_read_size(c, "in_channels", 3, 1, PB_MAX_CHANNELS);
    a->out_channels = pb_read_size(c, "out_channels", 3, 1, PB_MAX_CHANNELS);
    if (a->out_channels != a->in_channels)
        pb_config_fail(c, PB_UNSUPPORTED, "out_channels", "expected in_channels (%zu), found %zu",
                       a->in_channels, a->out_channels);
    a->latent_channels = pb_read_size(c, "latent_channels", 4, 1, PB_MAX_CHANNELS);
    a->layers = pb_read_size(c, "layers_per_block", 1, 1, MAX_LAYERS);
    a->activation = pb_read_activation(c, "act_fn", "silu");
    a->groups = pb_read_size(c, "norm_num_groups", 32, 1, PB_MAX_CHANNELS);
    a->scaling = pb_config_number(c, "scaling_factor", 0.18215, 1e-6, 1e6);
    if (pb_config_number(c, "shift_factor", 0, -1e6, 1e6) != 0)
        pb_config_fail(c, PB_UNSUPPORTED, "shift_factor",
                       "expected null or 0: StableDiffusionPipeline does not heed it");
    a->quant = pb_config_boolean(c, "use_quant_conv", true);
    a->post_quant = pb_config_boolean(c, "use_post_quant_conv", true);
    a->attention = pb_config_boolean(c, "mid_block_add_attention", true);
    pb_refuse_set(c, "latents_mean");
    pb_refuse_set(c, "latents_std");
    pb_config_ignore(c, "sample_size");  /* what it was trained at */
    pb_config_ignore(c, "force_upcast"); /* everything is float32 here */
}

/* -- graph ----------------------------------------------------------------------------------- */

typedef struct context {
    const autoencoder *a;
    pb_layers layers;
} context;

/* UNetMidBlock2D of `part` ("encoder", "decoder"): its attention has one head. */
static pb_value mid_block(const context *k, pb_value x, const char *part)
{
    size_t channels = k->a->channels[k->a->blocks - 1];
    char name[80];

    snprintf(name, sizeof name, "%s.mid_block.resnets.0", part);
    x = pb_layer_resnet(&k->layers, x, channels, 0, 1, name);
    snprintf(name, sizeof name, "%s.mid_block.attentions.0", part);
    if (k->a->attention)
        x = pb_layer_attention(&k->layers, x, 0, k->a->groups, 1, name);
    snprintf(name, sizeof name, "%s.mid_block.resnets.1", part);
    return pb_layer_resnet(&k->layers, x, channels, 0, 1, name);
}

static pb_value finish(const context *k, pb_value x, size_t channels, const char *part)
{
    pb_builder *b = k->layers.b;

    x = pb_build_group_norm(b, x, PB_NO_VALUE, k->a->groups, k->layers.eps, PB_ACT_SILU,
                            "%s.conv_norm_out", part);
    return pb_build_conv(b, x, channels, 3, 1, 1, 1, "%s.conv_out", part);
}

/* vae.py, Encoder, and quant_conv: the mean and the logarithm of the variance. */
static pb_value encoder(const context *k, pb_value x)
{
    const autoencoder *a = k->a;
    pb_builder *b = k->layers.b;
    char name[80];

    x = pb_build_conv(b, x, a->channels[0], 3, 1, 1, 1, "encoder.conv_in");
    for (size_t i = 0; i < a->blocks; i++) {
        for (size_t j = 0; j < a->layers; j++) {
            snprintf(name, sizeof name, "encoder.down_blocks.%zu.resnets.%zu", i, j);
            x = pb_layer_resnet(&k->layers, x, a->channels[i], 0, 1, name);
        }
        if (i + 1 < a->blocks)
            x = pb_build_conv(b, x, a->channels[i], 3, 2, 0, 1,
                              "encoder.down_blocks.%zu.downsamplers.0.conv", i);
    }
    x = finish(k, mid_block(k, x, "encoder"), 2 * a->latent_channels, "encoder");
    return a->quant ? pb_build_conv(b, x, 2 * a->latent_channels, 1, 1, 0, 0, "quant_conv") : x;
}

/* post_quant_conv, and vae.py, Decoder */
static pb_value decoder(const context *k, pb_value x)
{
    const autoencoder *a = k->a;
    pb_builder *b = k->layers.b;
    char name[80];

    if (a->post_quant)
        x = pb_build_conv(b, x, a->latent_channels, 1, 1, 0, 0, "post_quant_conv");
    x = pb_build_conv(b, x, a->channels[a->blocks - 1], 3, 1, 1, 1, "decoder.conv_in");
    x = mid_block(k, x, "decoder");
    for (size_t i = 0; i < a->blocks; i++) {
        size_t channels = a->channels[a->blocks - 1 - i];
        for (size_t j = 0; j <= a->layers; j++) {
            snprintf(name, sizeof name, "decoder.up_blocks.%zu.resnets.%zu", i, j);
            x = pb_layer_resnet(&k->layers, x, channels, 0, 1, name);
        }
        if (i + 1 < a->blocks)
            x = pb_build_conv(b, pb_build_upsample(b, x), channels, 3, 1, 1, 1,
                              "decoder.up_blocks.%zu.upsamplers.0.conv", i);
    }
    return finish(k, x, a->out_channels, "decoder");
}

pb_status pb_autoencoder_kl(pb_graph **graph, pb_component_facts *facts, pb_config *config,
                            const pb_weights *weights, pb_error *error)
{
    autoencoder a = {0};
    context k = {.a = &a};
    pb_value image, latent, mean, decoded;
    size_t factor;
    pb_builder *b;

    read_config(config, &a);
    PB_TRY(pb_config_close(config, error));
    PB_TRY(pb_builder_new(&b, weights, error));
    k.layers = (pb_layers){.b = b,
                           .groups = a.groups,
                           .eps = 1e-6,
                           .activation = a.activation,
                           .embedding = PB_NO_VALUE};
    factor = (size_t)1 << (a.blocks - 1);
    image = pb_build_input(b, "image", (pb_shape){4 * factor, 4 * factor, a.in_channels}, true);
    latent = pb_build_input(b, "latent", (pb_shape){4, 4, a.latent_channels}, true);
    mean = pb_build_slice(b, encoder(&k, image), a.latent_channels);
    decoded = decoder(&k, latent);
    PB_TRY(pb_builder_finish(b, graph, error));
    facts->autoencoder = (pb_autoencoder_facts){
        .channels = a.in_channels,
        .latent_channels = a.latent_channels,
        .factor = factor,
        .scaling = a.scaling,
        .mean = mean,
        .image = decoded,
    };
    return PB_OK;
}
