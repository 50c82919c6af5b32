#include <stdio.h>
#include <string.h>

#include "models/architectures.h"
#include "models/unet_fields.h"

#define MAX_LAYERS 64
#define MAX_SKIPS (PB_MAX_BLOCKS * (MAX_LAYERS + 1) + 1)
#define TOKENS 77 /* against which the layers are checked; any number may be given */

/* One level of the U-Net, on its way down; the way up has the same, but for `up`. */
typedef struct level {
    bool down, up; /* has it cross-attention there? */
    size_t channels, heads, layers, context, transformers;
    bool only_cross;
} level;

typedef struct unet2d_condition {
    pb_unet_fields common;
    size_t sample_height, sample_width;
    size_t blocks;
    level level[PB_MAX_BLOCKS];
    size_t up_transformers[PB_MAX_BLOCKS]; /* by level */
    bool mid, mid_attention;
    bool linear_projection;
    size_t conv_in_kernel, conv_out_kernel;
    size_t pooled, time_ids; /* numbers of what is embedded besides the time, and of each of its
                                time ids; 0: nothing is */
} unet2d_condition;

/* -- config ---------------------------------------------------------------------------------- */

/* A field that is one number for all levels, or one for each. */
static void read_each(pb_config *c, const char *key, size_t blocks, long fallback, long least,
                      long most, long *values)
{
    size_t count = pb_config_integers(c, key, PB_MAX_BLOCKS, values, least, most);

    if (count == 0 && pb_config_has(c, key))
        pb_config_fail(c, PB_FORMAT, key, "expected %zu numbers, found none", blocks);
    if (count > 1 && count != blocks)
        pb_config_fail(c, PB_FORMAT, key, "expected one number or %zu, found %zu", blocks, count);
    for (size_t i = count; i < blocks; i++)
        values[i] = count == 1 ? values[0] : fallback;
}

/* Does a block of this type have cross-attention? */
static bool read_type(pb_config *c, const char *key, const char *type, const char *plain,
                      const char *cross)
{
    if (strcmp(type, plain) && strcmp(type, cross))
        pb_config_fail(c, PB_UNSUPPORTED, key, "block type \"%s\" is not supported", type);
    return strcmp(type, cross) == 0;
}

static void read_types(pb_config *c, unet2d_condition *u)
{
    pb_block_fields blocks = {
        .count = 4,
        .down = {"CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D",
                 "DownBlock2D"},
        .up = {"UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"},
        .channels = {320, 640, 1280, 1280}};

    if (!pb_read_block_fields(c, &blocks))
        return;
    u->blocks = blocks.count;
    for (size_t i = 0; i < u->blocks; i++) {
        u->level[i].channels = (size_t)blocks.channels[i];
        u->level[i].down =
            read_type(c, "down_block_types", blocks.down[i], "DownBlock2D", "CrossAttnDownBlock2D");
        u->level[i].up = read_type(c, "up_block_types", blocks.up[u->blocks - 1 - i], "UpBlock2D",
                                   "CrossAttnUpBlock2D");
    }
}

/* attention_head_dim is the number of heads, as diffusers reads it too (and refuses
 * num_attention_heads). */
static void read_levels(pb_config *c, unet2d_condition *u)
{
    long layers[PB_MAX_BLOCKS], heads[PB_MAX_BLOCKS], context[PB_MAX_BLOCKS],
        transformers[PB_MAX_BLOCKS];
    long up[PB_MAX_BLOCKS];
    bool only_cross[PB_MAX_BLOCKS];
    size_t count;

    read_each(c, "layers_per_block", u->blocks, 2, 1, MAX_LAYERS, layers);
    read_each(c, "attention_head_dim", u->blocks, 8, 1, PB_MAX_CHANNELS, heads);
    read_each(c, "cross_attention_dim", u->blocks, 1280, 1, PB_MAX_CHANNELS, context);
    read_each(c, "transformer_layers_per_block", u->blocks, 1, 1, MAX_LAYERS, transformers);
    memcpy(up, transformers, sizeof up);
    if (pb_config_has(c, "reverse_transformer_layers_per_block")) {
        long given[PB_MAX_BLOCKS]; /* in the order of the way up */
        read_each(c, "reverse_transformer_layers_per_block", u->blocks, 1, 1, MAX_LAYERS, given);
        for (size_t i = 0; i < u->blocks; i++)
            up[i] = given[u->blocks - 1 - i];
    }
    count = pb_config_booleans(c, "only_cross_attention", PB_MAX_BLOCKS, only_cross);
    if (count > 1 && count != u->blocks)
        pb_config_fail(c, PB_FORMAT, "only_cross_attention", "expected one value or %zu, found %zu",
                       u->blocks, count);
    for (size_t i = count; i < u->blocks; i++)
        only_cross[i] = count && only_cross[0];
    for (size_t i = 0; i < u->blocks; i++) {
        level *l = &u->level[i];
        l->layers = (size_t)layers[i];
        l->heads = (size_t)heads[i];
        l->context = (size_t)context[i];
        l->transformers = (size_t)transformers[i];
        l->only_cross = only_cross[i];
        u->up_transformers[i] = (size_t)up[i];
        if (l->context != u->level[0].context)
            pb_config_fail(c, PB_UNSUPPORTED, "cross_attention_dim",
                           "different widths of context are not supported");
    }
}

/* Fields that change the architecture in ways that Stable Diffusion 1.x and 2.x do not use. */
static void refuse(pb_config *c)
{
    static const char *const keys[] = {
        "encoder_hid_dim",      "encoder_hid_dim_type",    "dual_cross_attention",
        "resnet_skip_time_act", "time_embedding_act_fn",   "timestep_post_act",
        "time_cond_proj_dim",   "class_embeddings_concat", "cross_attention_norm",
        "num_attention_heads",
    };
    static const char *const plain[] = {"default", NULL};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        pb_refuse_set(c, keys[i]);
    pb_read_choice(c, "attention_type", "default", plain);
    if (pb_config_number(c, "resnet_out_scale_factor", 1, -1e6, 1e6) != 1)
        pb_config_fail(c, PB_UNSUPPORTED, "resnet_out_scale_factor", "expected 1");
    pb_config_ignore(c, "addition_embed_type_num_heads");  /* of "text" only */
    pb_config_ignore(c, "mid_block_only_cross_attention"); /* of a mid block that is refused */
    pb_config_ignore(c, "upcast_attention");               /* everything is float32 here */
}

/* "text_time": a pooled embedding of the prompt and PB_TIME_IDS numbers, each of them as sinusoids,
 * are embedded together. */
static void read_added(pb_config *c, unet2d_condition *u)
{
    static const char *const types[] = {"text_time", NULL};
    size_t all;

    pb_config_nullable(c, "addition_embed_type");
    if (!pb_config_string(c, "addition_embed_type", NULL)) {
        pb_refuse_set(c, "addition_time_embed_dim");
        pb_refuse_set(c, "projection_class_embeddings_input_dim");
        return;
    }
    pb_read_choice(c, "addition_embed_type", NULL, types);
    u->time_ids = pb_read_size(c, "addition_time_embed_dim", 0, 2, PB_MAX_CHANNELS);
    all = pb_read_size(c, "projection_class_embeddings_input_dim", 0, 1, 16 * PB_MAX_CHANNELS);
    if (u->time_ids && all > PB_TIME_IDS * u->time_ids)
        u->pooled = all - PB_TIME_IDS * u->time_ids;
    else
        pb_config_fail(c, PB_FORMAT, "projection_class_embeddings_input_dim",
                       "expected more than %d times the addition_time_embed_dim (%zu), found %zu",
                       PB_TIME_IDS, u->time_ids, all);
}

/* Stable Diffusion's U-Nets that paint into pictures are given the mask and what is masked, too. */
static void refuse_inpainting(pb_config *c)
{
    if (pb_config_integer(c, "in_channels", 4, 1, PB_MAX_CHANNELS) == 9 &&
        pb_config_integer(c, "out_channels", 4, 1, PB_MAX_CHANNELS) == 4)
        pb_config_fail(c, PB_UNSUPPORTED, "in_channels",
                       "9, an inpainting network, is not supported");
}

/* Was it written by a release of diffusers before 0.9? */
static bool is_early(pb_config *c)
{
    const char *version;
    unsigned major, minor;

    pb_config_nullable(c, "_diffusers_version");
    version = pb_config_string(c, "_diffusers_version", "");
    return sscanf(version, "%u.%u", &major, &minor) == 2 && major == 0 && minor < 9;
}

/* Those gave early checkpoints of Stable Diffusion a sample_size of 32, which its pipeline takes
 * for 64. Where there is none, StableDiffusionXLPipeline takes 128. */
static void read_sample_size(pb_config *c, unet2d_condition *u)
{
    const long usual = u->pooled ? 128 : 64;
    long size[2] = {usual, usual};
    bool list = pb_config_is_list(c, "sample_size");
    size_t count = pb_config_integers(c, "sample_size", 2, size, 1, PB_LARGEST);

    if (!list && size[0] < 64 && is_early(c))
        size[0] = 64;
    u->sample_height = (size_t)size[0];
    u->sample_width = (size_t)size[count > 1];
}

static size_t read_kernel(pb_config *c, const char *key)
{
    size_t kernel = pb_read_size(c, key, 3, 1, 15);

    if (kernel % 2 == 0)
        pb_config_fail(c, PB_UNSUPPORTED, key, "expected an odd number, found %zu", kernel);
    return kernel;
}

/* Every field that the constructor of UNet2DConditionModel has in diffusers 0.42. */
static void read_config(pb_config *c, unet2d_condition *u)
{
    static const char *const mids[] = {"UNetMidBlock2DCrossAttn", "UNetMidBlock2D", NULL};
    static const char *const none[] = {"sample_size", "reverse_transformer_layers_per_block", NULL};

    for (size_t i = 0; none[i]; i++) /* whose default is None */
        pb_config_nullable(c, none[i]);
    pb_ignore_inert(c);
    read_types(c, u);
    read_levels(c, u);
    refuse(c);
    read_added(c, u);
    read_sample_size(c, u);
    refuse_inpainting(c);
    pb_read_unet_fields(c, &u->common, u->level[0].channels, 4);
    u->mid = !pb_config_is_null(c, "mid_block_type");
    if (u->mid)
        u->mid_attention = pb_read_choice(c, "mid_block_type", mids[0], mids) == 0;
    u->linear_projection = pb_config_boolean(c, "use_linear_projection", false);
    u->conv_in_kernel = read_kernel(c, "conv_in_kernel");
    u->conv_out_kernel = read_kernel(c, "conv_out_kernel");
}

/* -- graph ----------------------------------------------------------------------------------- */

/* What the blocks share while they are built. */
typedef struct context {
    pb_builder *b;
    const unet2d_condition *u;
    pb_layers layers;
    pb_value text;
} context;

/* attention.py, Attention without a norm of its own; k and v come from `from`. */
static pb_value attention(const context *k, pb_value x, pb_value from, size_t heads,
                          const char *name)
{
    pb_builder *b = k->b;
    size_t channels = pb_build_channels(b, x);
    pb_value q = pb_build_linear(b, x, channels, false, "%s.to_q", name);
    pb_value key = pb_build_linear(b, from, channels, false, "%s.to_k", name);
    pb_value v = pb_build_linear(b, from, channels, false, "%s.to_v", name);

    return pb_build_linear(b, pb_build_attention(b, q, key, v, heads, false), channels, true,
                           "%s.to_out.0", name);
}

/* attention.py, BasicTransformerBlock: attention over the positions (or, with only_cross, over the
 * text), over the text, and a gated linear unit, each behind a norm and with a residual. */
static pb_value transformer(const context *k, pb_value x, size_t heads, bool only_cross,
                            const char *name)
{
    pb_builder *b = k->b;
    size_t channels = pb_build_channels(b, x);
    char part[160];
    pb_value h;

    h = pb_build_layer_norm(b, x, 1e-5, "%s.norm1", name);
    snprintf(part, sizeof part, "%s.attn1", name);
    x = pb_build_add(b, attention(k, h, only_cross ? k->text : h, heads, part), x, 1);
    h = pb_build_layer_norm(b, x, 1e-5, "%s.norm2", name);
    snprintf(part, sizeof part, "%s.attn2", name);
    x = pb_build_add(b, attention(k, h, k->text, heads, part), x, 1);
    h = pb_build_layer_norm(b, x, 1e-5, "%s.norm3", name);
    h = pb_build_gate(b, pb_build_linear(b, h, 8 * channels, true, "%s.ff.net.0.proj", name));
    h = pb_build_linear(b, h, channels, true, "%s.ff.net.2", name);
    return pb_build_add(b, h, x, 1);
}

/* transformer_2d.py, Transformer2DModel. Its projections are linear layers or convolutions of
 * 1 x 1: the same thing. */
static pb_value transformers(const context *k, pb_value x, const level *l, size_t count,
                             bool only_cross, const char *name)
{
    pb_builder *b = k->b;
    size_t channels = pb_build_channels(b, x);
    char part[120];
    pb_value h;

    if (channels % l->heads)
        pb_builder_fail(b, PB_FORMAT,
                        "%s: attention_head_dim: %zu channels do not divide into %zu heads", name,
                        channels, l->heads);
    h = pb_build_group_norm(b, x, PB_NO_VALUE, k->u->common.groups, 1e-6, PB_ACT_NONE, "%s.norm",
                            name);
    h = pb_build_linear(b, h, channels, true, "%s.proj_in", name);
    for (size_t i = 0; i < count; i++) {
        snprintf(part, sizeof part, "%s.transformer_blocks.%zu", name, i);
        h = transformer(k, h, l->heads, only_cross, part);
    }
    h = pb_build_linear(b, h, channels, true, "%s.proj_out", name);
    return pb_build_add(b, h, x, 1);
}

/* unet_2d_blocks.py: DownBlock2D, CrossAttnDownBlock2D. */
static pb_value down_block(const context *k, pb_value x, size_t i, pb_value *skips, size_t *count)
{
    const level *l = &k->u->level[i];
    char name[80];

    for (size_t j = 0; j < l->layers; j++) {
        snprintf(name, sizeof name, "down_blocks.%zu.resnets.%zu", i, j);
        x = pb_layer_resnet(&k->layers, x, l->channels, 0, 1, name);
        snprintf(name, sizeof name, "down_blocks.%zu.attentions.%zu", i, j);
        if (l->down)
            x = transformers(k, x, l, l->transformers, l->only_cross, name);
        skips[(*count)++] = x;
    }
    if (i + 1 < k->u->blocks) {
        x = pb_build_conv(k->b, x, l->channels, 3, 2, k->u->common.downsample_padding, 1,
                          "down_blocks.%zu.downsamplers.0.conv", i);
        skips[(*count)++] = x;
    }
    pb_build_tap(k->b, x, "down.%zu", i);
    return x;
}

/* UpBlock2D, CrossAttnUpBlock2D; i counts from the bottleneck upwards. */
static pb_value up_block(const context *k, pb_value x, size_t i, const pb_value *skips,
                         size_t *count)
{
    size_t at = k->u->blocks - 1 - i;
    const level *l = &k->u->level[at];
    char name[80];

    for (size_t j = 0; j <= l->layers; j++) {
        x = pb_build_concat(k->b, x, skips[--*count]);
        snprintf(name, sizeof name, "up_blocks.%zu.resnets.%zu", i, j);
        x = pb_layer_resnet(&k->layers, x, l->channels, 0, 1, name);
        snprintf(name, sizeof name, "up_blocks.%zu.attentions.%zu", i, j);
        if (l->up)
            x = transformers(k, x, l, k->u->up_transformers[at], l->only_cross, name);
    }
    if (at > 0) /* to the size of what it is put together with next, which may be odd */
        x = pb_build_conv(k->b, pb_build_upsample_to(k->b, x, skips[*count - 1]), l->channels, 3, 1,
                          1, 1, "up_blocks.%zu.upsamplers.0.conv", i);
    pb_build_tap(k->b, x, "up.%zu", i);
    return x;
}

/* UNetMidBlock2DCrossAttn; UNetMidBlock2D is its first resnet alone. */
static pb_value mid_block(const context *k, pb_value x)
{
    const unet2d_condition *u = k->u;
    const level *l = &u->level[u->blocks - 1];

    if (!u->mid)
        return x;
    x = pb_layer_resnet(&k->layers, x, l->channels, 0, u->common.mid_scale, "mid_block.resnets.0");
    if (u->mid_attention) {
        x = transformers(k, x, l, l->transformers, false, "mid_block.attentions.0");
        x = pb_layer_resnet(&k->layers, x, l->channels, 0, u->common.mid_scale,
                            "mid_block.resnets.1");
    }
    pb_build_tap(k->b, x, "mid");
    return x;
}

/* The least height and width: with a padding of one, a level's n positions become ceil(n/2), of
 * which there is always one; with one at the end only, floor(n/2). */
static size_t size_least(const unet2d_condition *u)
{
    return u->common.downsample_padding ? 1 : (size_t)1 << (u->blocks - 1);
}

/* unet_2d_condition.py, get_aug_embed of "text_time"; whatever act_fn is, this is "silu". */
static pb_value added(pb_builder *b, const unet2d_condition *u, const pb_layers *layers)
{
    pb_value pooled, ids;

    if (!u->pooled)
        return PB_NO_VALUE;
    pooled = pb_build_input(b, "pooled", (pb_shape){1, 1, u->pooled}, false);
    ids = pb_build_input(b, "time_ids", (pb_shape){1, 1, PB_TIME_IDS}, false);
    ids = pb_build_time_embedding(b, ids, u->time_ids, u->common.flip_sin_to_cos,
                                  u->common.freq_shift);
    return pb_layer_embed(layers, pb_build_concat(b, pooled, ids), u->common.time_embed_dim,
                          PB_ACT_SILU, "add_embedding");
}

/* unet_2d_condition.py, UNet2DConditionModel.forward */
static void build(pb_builder *b, const unet2d_condition *u)
{
    const size_t size = size_least(u);
    const pb_shape one = {1, 1, 1}, image = {size, size, u->common.in_channels};
    const pb_shape tokens = {TOKENS, 1, u->level[0].context};
    pb_value x = pb_build_input(b, "x", image, true);
    pb_value time = pb_build_input(b, "timestep", one, false);
    pb_value label = pb_build_input(b, "class", one, false), h, skips[MAX_SKIPS];
    const pb_embedding_options embedding =
        pb_unet_embedding(&u->common, u->level[0].channels, u->common.activation);
    context k = {.b = b,
                 .u = u,
                 .text = pb_build_input(b, "context", tokens, true),
                 .layers = pb_unet_layers(&u->common, b)};
    size_t count = 0;

    pb_build_tap(b, x, "x");
    k.layers.embedding =
        pb_layer_embedding(&k.layers, time, label, added(b, u, &k.layers), &embedding);
    h = u->common.center_input_sample ? pb_build_affine(b, x, 2, -1) : x;
    h = pb_build_conv(b, h, u->level[0].channels, u->conv_in_kernel, 1, u->conv_in_kernel / 2,
                      u->conv_in_kernel / 2, "conv_in");
    skips[count++] = h;
    for (size_t i = 0; i < u->blocks; i++)
        h = down_block(&k, h, i, skips, &count);
    h = mid_block(&k, h);
    for (size_t i = 0; i < u->blocks; i++)
        h = up_block(&k, h, i, skips, &count);
    h = pb_build_group_norm(b, h, PB_NO_VALUE, u->common.groups, u->common.eps,
                            u->common.activation, "conv_norm_out");
    h = pb_build_conv(b, h, u->common.out_channels, u->conv_out_kernel, 1, u->conv_out_kernel / 2,
                      u->conv_out_kernel / 2, "conv_out");
    if (u->common.out_channels != u->common.in_channels)
        h = pb_build_slice(b, h, u->common.in_channels);
    pb_build_tap(b, h, "out");
}

pb_status pb_unet2d_condition(pb_graph **graph, pb_component_facts *facts, pb_config *config,
                              const pb_weights *weights, pb_error *error)
{
    unet2d_condition u = {0};
    pb_builder *b;

    read_config(config, &u);
    PB_TRY(pb_config_close(config, error));
    PB_TRY(pb_builder_new(&b, weights, error));
    build(b, &u);
    PB_TRY(pb_builder_finish(b, graph, error));
    facts->denoiser = pb_unet_facts(&u.common);
    facts->denoiser.sample_height = u.sample_height;
    facts->denoiser.sample_width = u.sample_width;
    facts->denoiser.size_multiple = 1;
    facts->denoiser.size_least = size_least(&u);
    facts->denoiser.context_width = u.level[0].context;
    facts->denoiser.pooled_width = u.pooled;
    return PB_OK;
}
