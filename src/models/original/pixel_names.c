/* Names of the two families of networks that see pixels. */
#include <stdio.h>

#include "models/original/names.h"

/* "BEFORE.NUMBER.PART." */
#define PLACE 80

/* -- Ho et al. 2020 ---------------------------------------------------------------------------- */

static const pb_renamed ddpm_resnet[] = {
    {"norm1", "norm1"}, {"conv1", "conv1"}, {"temb_proj", "time_emb_proj"},
    {"norm2", "norm2"}, {"conv2", "conv2"}, {"nin_shortcut", "conv_shortcut"},
    {NULL, NULL},
};

/* A level, counted from the image on both ways. */
static bool ddpm_level_name(char to[PB_NAME], const char *name, bool down, const pb_naming *k)
{
    static const pb_renamed conv[] = {{"conv", "conv"}, {NULL, NULL}};
    const char *part = down ? "down_blocks" : "up_blocks", *rest;
    char before[PLACE];
    size_t i, j;

    if (!pb_name_number(&name, &i) || i >= k->levels)
        return false;
    i = down ? i : k->levels - 1 - i;
    if ((rest = pb_name_within(name, "block")) != NULL && pb_name_number(&rest, &j)) {
        snprintf(before, sizeof before, "%s.%zu.resnets.%zu.", part, i, j);
        return pb_rename(to, ddpm_resnet, before, rest);
    }
    if ((rest = pb_name_within(name, "attn")) != NULL && pb_name_number(&rest, &j)) {
        snprintf(before, sizeof before, "%s.%zu.attentions.%zu.", part, i, j);
        return pb_rename(to, pb_conv_attention, before, rest);
    }
    rest = pb_name_within(name, down ? "downsample" : "upsample");
    snprintf(before, sizeof before, "%s.%zu.%s.0.", part, i, down ? "downsamplers" : "upsamplers");
    return rest && pb_rename(to, conv, before, rest);
}

bool pb_ddpm_name(char to[PB_NAME], const char *name, const pb_naming *k)
{
    static const pb_renamed plain[] = {
        {"temb.dense.0", "time_embedding.linear_1"},
        {"temb.dense.1", "time_embedding.linear_2"},
        {"conv_in", "conv_in"},
        {"norm_out", "conv_norm_out"},
        {"conv_out", "conv_out"},
        {NULL, NULL},
    };
    const char *rest;

    if ((rest = pb_name_within(name, "down")) != NULL)
        return ddpm_level_name(to, rest, true, k);
    if ((rest = pb_name_within(name, "up")) != NULL)
        return ddpm_level_name(to, rest, false, k);
    if ((rest = pb_name_within(name, "mid.block_1")) != NULL)
        return pb_rename(to, ddpm_resnet, "mid_block.resnets.0.", rest);
    if ((rest = pb_name_within(name, "mid.block_2")) != NULL)
        return pb_rename(to, ddpm_resnet, "mid_block.resnets.1.", rest);
    if ((rest = pb_name_within(name, "mid.attn_1")) != NULL)
        return pb_rename(to, pb_conv_attention, "mid_block.attentions.0.", rest);
    return pb_rename(to, plain, "", name);
}

/* -- Dhariwal & Nichol 2021 -------------------------------------------------------------------- */

static const pb_renamed adm_attention[] = {
    {"norm", "group_norm"},
    {"qkv", "qkv"},
    {"proj_out", "to_out.0"},
    {NULL, NULL},
};

/* input_blocks.N: the first convolution, then of each level its residual blocks and what halves:
 * a convolution, or a residual block of its own. */
static bool adm_down_name(char to[PB_NAME], const char *name, const pb_naming *k)
{
    static const pb_renamed op[] = {{"op", "conv"}, {NULL, NULL}};
    size_t n, part, i, j;
    char before[PLACE];

    if (!pb_name_number(&name, &n) || !pb_name_number(&name, &part) || part > 1 ||
        n >= k->levels * (k->layers + 1))
        return false;
    if (n == 0)
        return part == 0 && snprintf(to, PB_NAME, "conv_in.%s", name) < PB_NAME;
    i = (n - 1) / (k->layers + 1);
    j = (n - 1) % (k->layers + 1);
    if (j == k->layers) {
        snprintf(before, sizeof before, "down_blocks.%zu.downsamplers.0.", i);
        return part == 0 &&
               (pb_rename(to, op, before, name) || pb_rename(to, pb_unet_resnet, before, name));
    }
    snprintf(before, sizeof before, "down_blocks.%zu.%s.%zu.", i, part ? "attentions" : "resnets",
             j);
    return pb_rename(to, part ? adm_attention : pb_unet_resnet, before, name);
}

/* output_blocks.N: one residual block more of each level, attention where there is some, and behind
 * the last what doubles. */
static bool adm_up_name(char to[PB_NAME], const char *name, const pb_naming *k)
{
    static const pb_renamed conv[] = {{"conv", "conv"}, {NULL, NULL}};
    size_t n, part, i, j;
    char before[PLACE];

    if (!pb_name_number(&name, &n) || !pb_name_number(&name, &part) || part > 2 ||
        n >= k->levels * (k->layers + 1))
        return false;
    i = n / (k->layers + 1);
    j = n % (k->layers + 1);
    snprintf(before, sizeof before, "up_blocks.%zu.resnets.%zu.", i, j);
    if (part == 0)
        return pb_rename(to, pb_unet_resnet, before, name);
    snprintf(before, sizeof before, "up_blocks.%zu.upsamplers.0.", i);
    if (j == k->layers &&
        (pb_rename(to, conv, before, name) || pb_rename(to, pb_unet_resnet, before, name)))
        return true;
    snprintf(before, sizeof before, "up_blocks.%zu.attentions.%zu.", i, j);
    return part == 1 && pb_rename(to, adm_attention, before, name);
}

static bool adm_middle_name(char to[PB_NAME], const char *name)
{
    size_t part;

    if (!pb_name_number(&name, &part) || part > 2)
        return false;
    if (part == 1)
        return pb_rename(to, adm_attention, "mid_block.attentions.0.", name);
    return pb_rename(to, pb_unet_resnet, part ? "mid_block.resnets.1." : "mid_block.resnets.0.",
                     name);
}

bool pb_adm_name(char to[PB_NAME], const char *name, const pb_naming *k)
{
    static const pb_renamed plain[] = {
        {"time_embed.0", "time_embedding.linear_1"},
        {"time_embed.2", "time_embedding.linear_2"},
        {"label_emb", "class_embedding"},
        {"out.0", "conv_norm_out"},
        {"out.2", "conv_out"},
        {NULL, NULL},
    };
    const char *rest;

    if ((rest = pb_name_within(name, "input_blocks")) != NULL)
        return adm_down_name(to, rest, k);
    if ((rest = pb_name_within(name, "middle_block")) != NULL)
        return adm_middle_name(to, rest);
    if ((rest = pb_name_within(name, "output_blocks")) != NULL)
        return adm_up_name(to, rest, k);
    return pb_rename(to, plain, "", name);
}
