/* Names of the networks of CompVis' model.py: that of Ho et al. 2020, which sees pixels, and the
 * autoencoder, whose halves are built like it. */
#include <stdio.h>

#include "models/original/names.h"

/* "BEFORE.NUMBER.PART." */
#define PLACE 80

static const pb_renamed resnet[] = {
    {"norm1", "norm1"}, {"conv1", "conv1"}, {"temb_proj", "time_emb_proj"},
    {"norm2", "norm2"}, {"conv2", "conv2"}, {"nin_shortcut", "conv_shortcut"},
    {NULL, NULL},
};

/* A convolution each for q, k and v. */
static const pb_renamed attention[] = {
    {"norm", "group_norm"},   {"q", "to_q"}, {"k", "to_k"}, {"v", "to_v"},
    {"proj_out", "to_out.0"}, {NULL, NULL},
};

/* A level, counted from the image on both ways; half: "encoder.", "decoder." or "". */
static bool level_name(char to[PB_NAME], const char *half, const char *name, bool down,
                       const pb_naming *k)
{
    static const pb_renamed conv[] = {{"conv", "conv"}, {NULL, NULL}};
    const char *part = down ? "down_blocks" : "up_blocks", *rest;
    char before[PLACE];
    size_t i, j;

    if (!pb_name_number(&name, &i) || i >= k->levels)
        return false;
    i = down ? i : k->levels - 1 - i;
    if ((rest = pb_name_within(name, "block")) != NULL && pb_name_number(&rest, &j)) {
        snprintf(before, sizeof before, "%s%s.%zu.resnets.%zu.", half, part, i, j);
        return pb_rename(to, resnet, before, rest);
    }
    if ((rest = pb_name_within(name, "attn")) != NULL && pb_name_number(&rest, &j)) {
        snprintf(before, sizeof before, "%s%s.%zu.attentions.%zu.", half, part, i, j);
        return pb_rename(to, attention, before, rest);
    }
    rest = pb_name_within(name, down ? "downsample" : "upsample");
    snprintf(before, sizeof before, "%s%s.%zu.%s.0.", half, part, i,
             down ? "downsamplers" : "upsamplers");
    return rest && pb_rename(to, conv, before, rest);
}

/* What is in the middle, and what is at the ends. */
static bool ends_name(char to[PB_NAME], const char *half, const char *name)
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
        {"mid.block_1", "mid_block.resnets.0.", resnet},
        {"mid.block_2", "mid_block.resnets.1.", resnet},
        {"mid.attn_1", "mid_block.attentions.0.", attention},
    };
    char before[PLACE];

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
        return level_name(to, "encoder.", rest, true, k);
    if ((rest = pb_name_within(name, "decoder.up")) != NULL)
        return level_name(to, "decoder.", rest, false, k);
    if ((rest = pb_name_within(name, "encoder")) != NULL)
        return ends_name(to, "encoder.", rest);
    if ((rest = pb_name_within(name, "decoder")) != NULL)
        return ends_name(to, "decoder.", rest);
    return pb_rename(to, plain, "", name);
}

bool pb_ddpm_name(char to[PB_NAME], const char *name, const pb_naming *k)
{
    static const pb_renamed time[] = {
        {"temb.dense.0", "time_embedding.linear_1"},
        {"temb.dense.1", "time_embedding.linear_2"},
        {NULL, NULL},
    };
    const char *rest;

    if ((rest = pb_name_within(name, "down")) != NULL)
        return level_name(to, "", rest, true, k);
    if ((rest = pb_name_within(name, "up")) != NULL)
        return level_name(to, "", rest, false, k);
    return pb_rename(to, time, "", name) || ends_name(to, "", name);
}
