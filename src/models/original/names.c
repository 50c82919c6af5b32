#include "models/original/names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* What is left of a name behind a beginning that ends at a dot or with it; NULL: it begins
 * otherwise. */
static const char *behind(const char *name, const char *beginning)
{
    const size_t n = strlen(beginning);

    return !strncmp(name, beginning, n) && (name[n] == '.' || !name[n]) ? name + n : NULL;
}

const char *pb_name_within(const char *name, const char *part)
{
    const char *rest = behind(name, part);

    return rest && *rest ? rest + 1 : NULL;
}

bool pb_rename(char to[PB_NAME], const pb_renamed *table, const char *before, const char *name)
{
    for (; table->from; table++) {
        const char *rest = behind(name, table->from);
        if (rest)
            return snprintf(to, PB_NAME, "%s%s%s", before, table->to, rest) < PB_NAME;
    }
    return false;
}

bool pb_name_number(const char **name, size_t *number)
{
    const char *end = *name;

    *number = 0;
    while (isdigit((unsigned char)*end) && end - *name < 4)
        *number = 10 * *number + (size_t)(*end++ - '0');
    if (end == *name || *end != '.')
        return false;
    *name = end + 1;
    return true;
}

/* -- the U-Net ------------------------------------------------------------------------------- */

const pb_renamed pb_unet_resnet[] = {
    {"in_layers.0", "norm1"},
    {"in_layers.2", "conv1"},
    {"emb_layers.1", "time_emb_proj"},
    {"out_layers.0", "norm2"},
    {"out_layers.3", "conv2"},
    {"skip_connection", "conv_shortcut"},
    {NULL, NULL},
};

/* input_blocks.N: the first convolution, then of each level its residual blocks and what halves. */
static bool down_name(char to[PB_NAME], const char *name, const pb_naming *k)
{
    static const pb_renamed op[] = {{"op", "conv"}, {NULL, NULL}};
    size_t n, part, i, j;
    char before[80];

    if (!pb_name_number(&name, &n) || !pb_name_number(&name, &part))
        return false;
    if (n == 0)
        return part == 0 && snprintf(to, PB_NAME, "conv_in.%s", name) < PB_NAME;
    i = (n - 1) / (k->layers + 1);
    j = (n - 1) % (k->layers + 1);
    if (j == k->layers) {
        snprintf(before, sizeof before, "down_blocks.%zu.downsamplers.0.", i);
        return part == 0 && pb_rename(to, op, before, name);
    }
    if (part == 1)
        return snprintf(to, PB_NAME, "down_blocks.%zu.attentions.%zu.%s", i, j, name) < PB_NAME;
    snprintf(before, sizeof before, "down_blocks.%zu.resnets.%zu.", i, j);
    return part == 0 && pb_rename(to, pb_unet_resnet, before, name);
}

/* output_blocks.N: one residual block more of each level, and behind its last what doubles, in the
 * place of an attention where there is none. */
static bool up_name(char to[PB_NAME], const char *name, const pb_naming *k)
{
    static const pb_renamed upsampler[] = {{"conv", "conv"}, {NULL, NULL}};
    size_t n, part, i, j;
    char before[80];

    if (!pb_name_number(&name, &n) || !pb_name_number(&name, &part))
        return false;
    i = n / (k->layers + 1);
    j = n % (k->layers + 1);
    snprintf(before, sizeof before, "up_blocks.%zu.resnets.%zu.", i, j);
    if (part == 0)
        return pb_rename(to, pb_unet_resnet, before, name);
    snprintf(before, sizeof before, "up_blocks.%zu.upsamplers.0.", i);
    if (j == k->layers && part <= 2 && pb_rename(to, upsampler, before, name))
        return true;
    return part == 1 &&
           snprintf(to, PB_NAME, "up_blocks.%zu.attentions.%zu.%s", i, j, name) < PB_NAME;
}

static bool middle_name(char to[PB_NAME], const char *name)
{
    size_t part;

    if (!pb_name_number(&name, &part))
        return false;
    if (part == 1)
        return snprintf(to, PB_NAME, "mid_block.attentions.0.%s", name) < PB_NAME;
    return part <= 2 && pb_rename(to, pb_unet_resnet,
                                  part ? "mid_block.resnets.1." : "mid_block.resnets.0.", name);
}

bool pb_unet_name(char to[PB_NAME], const char *name, const pb_naming *k)
{
    static const pb_renamed plain[] = {
        {"time_embed.0", "time_embedding.linear_1"},
        {"time_embed.2", "time_embedding.linear_2"},
        {"label_emb.0.0", "add_embedding.linear_1"},
        {"label_emb.0.2", "add_embedding.linear_2"},
        {"out.0", "conv_norm_out"},
        {"out.2", "conv_out"},
        {NULL, NULL},
    };

    const char *rest;

    if ((rest = pb_name_within(name, "input_blocks")) != NULL)
        return down_name(to, rest, k);
    if ((rest = pb_name_within(name, "middle_block")) != NULL)
        return middle_name(to, rest);
    if ((rest = pb_name_within(name, "output_blocks")) != NULL)
        return up_name(to, rest, k);
    return pb_rename(to, plain, "", name);
}

/* -- the autoencoder ------------------------------------------------------------------------- */

static const pb_renamed vae_resnet[] = {
    {"norm1", "norm1"},
    {"conv1", "conv1"},
    {"norm2", "norm2"},
    {"conv2", "conv2"},
    {"nin_shortcut", "conv_shortcut"},
    {NULL, NULL},
};

/* A level of the encoder, or of the decoder, which counts them from the image. */
static bool level_name(char to[PB_NAME], const char *name, bool down, const pb_naming *k)
{
    static const pb_renamed conv[] = {{"conv", "conv"}, {NULL, NULL}};
    const char *part = down ? "encoder.down_blocks" : "decoder.up_blocks", *rest;
    size_t i, j;
    char before[80];

    if (!pb_name_number(&name, &i) || i >= k->levels)
        return false;
    i = down ? i : k->levels - 1 - i;
    if ((rest = pb_name_within(name, "block")) != NULL && pb_name_number(&rest, &j)) {
        snprintf(before, sizeof before, "%s.%zu.resnets.%zu.", part, i, j);
        return pb_rename(to, vae_resnet, before, rest);
    }
    rest = pb_name_within(name, down ? "downsample" : "upsample");
    snprintf(before, sizeof before, "%s.%zu.%s.0.", part, i, down ? "downsamplers" : "upsamplers");
    return rest && pb_rename(to, conv, before, rest);
}

const pb_renamed pb_conv_attention[] = {
    {"norm", "group_norm"},   {"q", "to_q"}, {"k", "to_k"}, {"v", "to_v"},
    {"proj_out", "to_out.0"}, {NULL, NULL},
};

/* What is in the middle, and what is at the ends; half: "encoder." or "decoder.". */
static bool half_name(char to[PB_NAME], const char *half, const char *name)
{
    static const pb_renamed ends[] = {
        {"conv_in", "conv_in"},
        {"norm_out", "conv_norm_out"},
        {"conv_out", "conv_out"},
        {NULL, NULL},
    };
    static const struct {
        const char *from, *to;
        const pb_renamed *table;
    } middle[] = {
        {"mid.block_1", "mid_block.resnets.0.", vae_resnet},
        {"mid.block_2", "mid_block.resnets.1.", vae_resnet},
        {"mid.attn_1", "mid_block.attentions.0.", pb_conv_attention},
    };
    char before[80];

    for (size_t i = 0; i < sizeof middle / sizeof *middle; i++) {
        const char *rest = pb_name_within(name, middle[i].from);
        snprintf(before, sizeof before, "%s%s", half, middle[i].to);
        if (rest)
            return pb_rename(to, middle[i].table, before, rest);
    }
    return pb_rename(to, ends, half, name);
}

bool pb_vae_name(char to[PB_NAME], const char *name, const pb_naming *k)
{
    static const pb_renamed plain[] = {
        {"quant_conv", "quant_conv"}, {"post_quant_conv", "post_quant_conv"}, {NULL, NULL}};

    const char *rest;

    if ((rest = pb_name_within(name, "encoder.down")) != NULL)
        return level_name(to, rest, true, k);
    if ((rest = pb_name_within(name, "decoder.up")) != NULL)
        return level_name(to, rest, false, k);
    if ((rest = pb_name_within(name, "encoder")) != NULL)
        return half_name(to, "encoder.", rest);
    if ((rest = pb_name_within(name, "decoder")) != NULL)
        return half_name(to, "decoder.", rest);
    return pb_rename(to, plain, "", name);
}

/* -- text encoders --------------------------------------------------------------------------- */

bool pb_clip_name(char to[PB_NAME], const char *name, const pb_naming *k)
{
    static const pb_renamed plain[] = {{"embeddings", "embeddings"},
                                       {"encoder", "encoder"},
                                       {"final_layer_norm", "final_layer_norm"},
                                       {NULL, NULL}};
    const char *rest = pb_name_within(name, "text_model");

    (void)k;
    return pb_rename(to, plain, "text_model.", rest ? rest : name);
}

bool pb_open_clip_name(char to[PB_NAME], const char *name, const pb_naming *k)
{
    static const pb_renamed plain[] = {
        {"token_embedding", "embeddings.token_embedding"},
        {"positional_embedding", "embeddings.position_embedding.weight"},
        {"ln_final", "final_layer_norm"},
        {NULL, NULL},
    };
    static const pb_renamed layer[] = {
        {"ln_1", "layer_norm1"},
        {"ln_2", "layer_norm2"},
        {"mlp.c_fc", "mlp.fc1"},
        {"mlp.c_proj", "mlp.fc2"},
        {"attn.out_proj", "self_attn.out_proj"},
        {NULL, NULL},
    };
    const char *rest = pb_name_within(name, "transformer.resblocks");
    size_t i;
    char before[80];

    if (!rest)
        return pb_rename(to, plain, "text_model.", name);
    if (!pb_name_number(&rest, &i) || i >= k->layers)
        return false;
    snprintf(before, sizeof before, "text_model.encoder.layers.%zu.", i);
    return pb_rename(to, layer, before, rest);
}

bool pb_same_name(char to[PB_NAME], const char *name, const pb_naming *k)
{
    (void)k;
    return snprintf(to, PB_NAME, "%s", name) < PB_NAME;
}
