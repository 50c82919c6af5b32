#include <stdio.h>
#include <string.h>

#include "models/architectures.h"
#include "models/unet_fields.h"

#define MAX_LAYERS 64
#define MAX_SKIPS (PB_MAX_BLOCKS * (MAX_LAYERS + 1) + 1)

/* How a block changes the resolution at its end. */
typedef enum resample { BY_CONV, BY_RESNET } resample;

typedef struct block {
    bool attention;
    resample resample;
} block;

typedef struct unet2d {
    pb_unet_fields common;
    size_t sample_height, sample_width;
    size_t blocks;
    block down[PB_MAX_BLOCKS], up[PB_MAX_BLOCKS];
    size_t channels[PB_MAX_BLOCKS];
    size_t layers;
    bool mid, mid_attention;
    size_t head_dim[PB_MAX_BLOCKS]; /* of each level; 0: one head */
    size_t mid_groups;              /* of the mid block's attention; 0: no norm there */
} unet2d;

/* -- config ---------------------------------------------------------------------------------- */

static resample read_resample(pb_config *c, const char *key)
{
    static const char *const names[] = {"conv", "resnet", NULL};

    return pb_read_choice(c, key, "conv", names) ? BY_RESNET : BY_CONV;
}

/* One of the block types of a direction ("Down", "Up"), as get_down_block of diffusers names
 * them. */
static block read_block(pb_config *c, const char *key, const char *type, const char *plain,
                        const char *attention, const char *resnet, resample by)
{
    const char *name = strncmp(type, "UNetRes", 7) == 0 ? type + 7 : type;

    if (strcmp(name, plain) == 0)
        return (block){false, BY_CONV};
    if (strcmp(name, attention) == 0)
        return (block){true, by};
    if (strcmp(name, resnet) == 0)
        return (block){false, BY_RESNET};
    pb_config_fail(c, PB_UNSUPPORTED, key, "block type \"%s\" is not supported%s", type,
                   strstr(name, "Skip") ? " (an NCSN++ network)" : "");
    return (block){0};
}

static void read_blocks(pb_config *c, unet2d *u)
{
    pb_block_fields blocks = {
        .count = 4,
        .down = {"DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"},
        .up = {"AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"},
        .channels = {224, 448, 672, 896}};
    resample down_by = read_resample(c, "downsample_type");
    resample up_by = read_resample(c, "upsample_type");

    if (!pb_read_block_fields(c, &blocks))
        return;
    u->blocks = blocks.count;
    for (size_t i = 0; i < u->blocks; i++) {
        u->channels[i] = (size_t)blocks.channels[i];
        u->down[i] = read_block(c, "down_block_types", blocks.down[i], "DownBlock2D",
                                "AttnDownBlock2D", "ResnetDownsampleBlock2D", down_by);
        u->up[i] = read_block(c, "up_block_types", blocks.up[i], "UpBlock2D", "AttnUpBlock2D",
                              "ResnetUpsampleBlock2D", up_by);
    }
}

/* What height and width must be multiples of: every level halves them and doubles them again, and
 * UNet2DModel puts the two together only where nothing was lost. */
static size_t size_multiple(const unet2d *u)
{
    return (size_t)1 << (u->blocks ? u->blocks - 1 : 0);
}

/* sample_size: a number, [height, width], or nothing. Whether the network takes that size counts
 * only where it is asked for. */
static void read_sample_size(pb_config *c, unet2d *u)
{
    long size[2] = {0, 0};
    size_t count = pb_config_integers(c, "sample_size", 2, size, 1, PB_LARGEST);

    u->sample_height = count ? (size_t)size[0] : 8 * size_multiple(u);
    u->sample_width = count ? (size_t)size[count - 1] : 8 * size_multiple(u);
}

/* attention_head_dim: a number; or one of each level, which UNet2DModel itself has not: networks of
 * guided-diffusion may have as many heads everywhere. */
static void read_head_dims(pb_config *c, unet2d *u)
{
    long dims[PB_MAX_BLOCKS] = {pb_config_is_null(c, "attention_head_dim") ? 0 : 8};
    const size_t count =
        pb_config_integers(c, "attention_head_dim", PB_MAX_BLOCKS, dims, 1, PB_MAX_CHANNELS);

    if (count > 1 && count != u->blocks)
        pb_config_fail(c, PB_FORMAT, "attention_head_dim",
                       "expected one number or one for each of %zu levels, found %zu", u->blocks,
                       count);
    for (size_t i = 0; i < u->blocks; i++)
        u->head_dim[i] = (size_t)dims[count > 1 ? i : 0];
}

/* Every field that the constructor of UNet2DModel has in diffusers 0.42, with its defaults. */
static void read_config(pb_config *c, unet2d *u)
{
    static const char *const mid_block[] = {"UNetMidBlock2D", NULL};
    static const char *const none[] = {"sample_size", "attention_head_dim", "attn_norm_num_groups",
                                       NULL};
    size_t attention_groups;

    for (size_t i = 0; none[i]; i++) /* whose default is None, or for which it has a meaning */
        pb_config_nullable(c, none[i]);
    pb_ignore_inert(c);
    read_blocks(c, u);
    read_sample_size(c, u);
    pb_read_unet_fields(c, &u->common, u->channels[0], 3);
    u->mid = !pb_config_is_null(c, "mid_block_type");
    if (u->mid)
        pb_read_choice(c, "mid_block_type", "UNetMidBlock2D", mid_block);
    u->layers = pb_read_size(c, "layers_per_block", 2, 1, MAX_LAYERS);
    read_head_dims(c, u);
    attention_groups = pb_read_size(c, "attn_norm_num_groups", 0, 1, PB_MAX_CHANNELS);
    u->mid_groups = attention_groups        ? attention_groups
                    : u->common.scale_shift ? 0
                                            : u->common.groups;
    u->mid_attention = pb_config_boolean(c, "add_attention", true);
    pb_config_ignore(c, "num_train_timesteps"); /* of time_embedding_type "learned" only */
}

/* -- graph ----------------------------------------------------------------------------------- */

/* What the blocks of one network share while it is built. */
typedef struct context {
    pb_builder *b;
    const unet2d *u;
    pb_layers layers;
} context;

static pb_value resnet(const context *k, pb_value x, size_t channels, int by, double scale,
                       const char *name)
{
    return pb_layer_resnet(&k->layers, x, channels, by, scale, name);
}

static pb_value attention(const context *k, pb_value x, size_t level, size_t groups, double scale,
                          const char *name)
{
    return pb_layer_attention(&k->layers, x, k->u->head_dim[level], groups, scale, name);
}

/* unet_2d_blocks.py: DownBlock2D, AttnDownBlock2D, ResnetDownsampleBlock2D. */
static pb_value down_block(const context *k, pb_value x, size_t i, pb_value *skips, size_t *count)
{
    const unet2d *u = k->u;
    char name[80];

    for (size_t j = 0; j < u->layers; j++) {
        snprintf(name, sizeof name, "down_blocks.%zu.resnets.%zu", i, j);
        x = resnet(k, x, u->channels[i], 0, 1, name);
        snprintf(name, sizeof name, "down_blocks.%zu.attentions.%zu", i, j);
        if (u->down[i].attention)
            x = attention(k, x, i, u->common.groups, 1, name);
        skips[(*count)++] = x;
    }
    if (i + 1 < u->blocks) {
        snprintf(name, sizeof name, "down_blocks.%zu.downsamplers.0", i);
        if (u->down[i].resample == BY_RESNET)
            x = resnet(k, x, u->channels[i], -1, 1, name);
        else /* padding 0 stands for one row and column at the end only */
            x = pb_build_conv(k->b, x, u->channels[i], 3, 2, u->common.downsample_padding, 1,
                              "%s.conv", name);
        skips[(*count)++] = x;
    }
    pb_build_tap(k->b, x, "down.%zu", i);
    return x;
}

/* UpBlock2D, AttnUpBlock2D, ResnetUpsampleBlock2D; i counts from the bottleneck upwards. */
static pb_value up_block(const context *k, pb_value x, size_t i, const pb_value *skips,
                         size_t *count)
{
    const unet2d *u = k->u;
    const size_t level = u->blocks - 1 - i, channels = u->channels[level];
    char name[80];

    for (size_t j = 0; j <= u->layers; j++) {
        x = pb_build_concat(k->b, x, skips[--*count]);
        snprintf(name, sizeof name, "up_blocks.%zu.resnets.%zu", i, j);
        x = resnet(k, x, channels, 0, 1, name);
        snprintf(name, sizeof name, "up_blocks.%zu.attentions.%zu", i, j);
        if (u->up[i].attention)
            x = attention(k, x, level, u->common.groups, 1, name);
    }
    if (i + 1 < u->blocks) {
        snprintf(name, sizeof name, "up_blocks.%zu.upsamplers.0", i);
        if (u->up[i].resample == BY_RESNET)
            x = resnet(k, x, channels, 1, 1, name);
        else
            x = pb_build_conv(k->b, pb_build_upsample(k->b, x), channels, 3, 1, 1, 1, "%s.conv",
                              name);
    }
    pb_build_tap(k->b, x, "up.%zu", i);
    return x;
}

/* unet_2d.py, UNet2DModel.forward */
static void build(pb_builder *b, const unet2d *u)
{
    const size_t size = size_multiple(u);
    const pb_shape one = {1, 1, 1}, image = {size, size, u->common.in_channels};
    pb_value x = pb_build_input(b, "x", image, true), h;
    pb_value time = pb_build_input(b, "timestep", one, false);
    bool conditional = u->common.classes || u->common.class_by_timestep;
    pb_value label = conditional ? pb_build_input(b, "class", one, false) : PB_NO_VALUE;
    pb_value skips[MAX_SKIPS];
    const pb_embedding_options embedding =
        pb_unet_embedding(&u->common, u->channels[0], PB_ACT_SILU);
    context k = {.b = b, .u = u, .layers = pb_unet_layers(&u->common, b)};
    size_t count = 0;

    pb_build_tap(b, x, "x");
    k.layers.embedding = pb_layer_embedding(&k.layers, time, label, PB_NO_VALUE, &embedding);
    h = u->common.center_input_sample ? pb_build_affine(b, x, 2, -1) : x;
    h = pb_build_conv(b, h, u->channels[0], 3, 1, 1, 1, "conv_in");
    skips[count++] = h;
    for (size_t i = 0; i < u->blocks; i++)
        h = down_block(&k, h, i, skips, &count);
    if (u->mid) {
        size_t channels = u->channels[u->blocks - 1];
        h = resnet(&k, h, channels, 0, u->common.mid_scale, "mid_block.resnets.0");
        if (u->mid_attention)
            h = attention(&k, h, u->blocks - 1, u->mid_groups, u->common.mid_scale,
                          "mid_block.attentions.0");
        h = resnet(&k, h, channels, 0, u->common.mid_scale, "mid_block.resnets.1");
        pb_build_tap(b, h, "mid");
    }
    for (size_t i = 0; i < u->blocks; i++)
        h = up_block(&k, h, i, skips, &count);
    h = pb_build_group_norm(b, h, PB_NO_VALUE, u->common.groups, u->common.eps, PB_ACT_SILU,
                            "conv_norm_out");
    h = pb_build_conv(b, h, u->common.out_channels, 3, 1, 1, 1, "conv_out");
    if (u->common.out_channels != u->common.in_channels)
        h = pb_build_slice(b, h, u->common.in_channels);
    pb_build_tap(b, h, "out");
}

pb_status pb_unet2d(pb_graph **graph, pb_component_facts *facts, pb_config *config,
                    const pb_weights *weights, pb_error *error)
{
    unet2d u = {0};
    pb_builder *b;

    read_config(config, &u);
    PB_TRY(pb_config_close(config, error));
    PB_TRY(pb_builder_new(&b, weights, error));
    build(b, &u);
    PB_TRY(pb_builder_finish(b, graph, error));
    facts->denoiser = pb_unet_facts(&u.common);
    facts->denoiser.sample_height = u.sample_height;
    facts->denoiser.sample_width = u.sample_width;
    facts->denoiser.size_multiple = facts->denoiser.size_least = size_multiple(&u);
    return PB_OK;
}
