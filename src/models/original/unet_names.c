/* Names of the U-Nets of openaimodel.py: Stable Diffusion's, and that of Dhariwal & Nichol 2021
 * which it was made from. Residual blocks and what halves and doubles are numbered alike. */
#include <stdio.h>

#include "models/original/names.h"

/* "BEFORE.NUMBER.PART." */
#define PLACE 80

/* Where the two differ. */
typedef struct dialect {
    const pb_renamed *plain;     /* what is outside blocks */
    const pb_renamed *attention; /* NULL: transformers, whose names stay */
    bool resampled;              /* may residual blocks halve and double? else convolutions do */
} dialect;

static const pb_renamed resnet[] = {
    {"in_layers.0", "norm1"},
    {"in_layers.2", "conv1"},
    {"emb_layers.1", "time_emb_proj"},
    {"out_layers.0", "norm2"},
    {"out_layers.3", "conv2"},
    {"skip_connection", "conv_shortcut"},
    {NULL, NULL},
};

static bool attention_name(char to[PB_NAME], const char *before, const char *name, const dialect *d)
{
    return d->attention ? pb_rename(to, d->attention, before, name)
                        : snprintf(to, PB_NAME, "%s%s", before, name) < PB_NAME;
}

/* What halves or doubles; conv: what its convolution is called. */
static bool resampler_name(char to[PB_NAME], const pb_renamed *conv, const char *before,
                           const char *name, const dialect *d)
{
    return pb_rename(to, conv, before, name) ||
           (d->resampled && pb_rename(to, resnet, before, name));
}

/* Is N a block there can be, where it is known how many there are? */
static bool is_block(size_t n, const pb_naming *k)
{
    return !k->levels || n < k->levels * (k->layers + 1);
}

/* input_blocks.N: the first convolution, then of each level its residual blocks and what halves. */
static bool down_name(char to[PB_NAME], const char *name, const pb_naming *k, const dialect *d)
{
    static const pb_renamed op[] = {{"op", "conv"}, {NULL, NULL}};
    size_t n, part, i, j;
    char before[PLACE];

    if (!pb_name_number(&name, &n) || !pb_name_number(&name, &part) || !is_block(n, k) || part > 1)
        return false;
    if (n == 0)
        return part == 0 && snprintf(to, PB_NAME, "conv_in.%s", name) < PB_NAME;
    i = (n - 1) / (k->layers + 1);
    j = (n - 1) % (k->layers + 1);
    if (j == k->layers) {
        snprintf(before, sizeof before, "down_blocks.%zu.downsamplers.0.", i);
        return part == 0 && resampler_name(to, op, before, name, d);
    }
    snprintf(before, sizeof before, "down_blocks.%zu.%s.%zu.", i, part ? "attentions" : "resnets",
             j);
    return part ? attention_name(to, before, name, d) : pb_rename(to, resnet, before, name);
}

/* output_blocks.N: one residual block more of each level, and behind its last what doubles, in the
 * place of an attention where there is none. */
static bool up_name(char to[PB_NAME], const char *name, const pb_naming *k, const dialect *d)
{
    static const pb_renamed conv[] = {{"conv", "conv"}, {NULL, NULL}};
    size_t n, part, i, j;
    char before[PLACE];

    if (!pb_name_number(&name, &n) || !pb_name_number(&name, &part) || !is_block(n, k) || part > 2)
        return false;
    i = n / (k->layers + 1);
    j = n % (k->layers + 1);
    snprintf(before, sizeof before, "up_blocks.%zu.resnets.%zu.", i, j);
    if (part == 0)
        return pb_rename(to, resnet, before, name);
    snprintf(before, sizeof before, "up_blocks.%zu.upsamplers.0.", i);
    if (j == k->layers && resampler_name(to, conv, before, name, d))
        return true;
    snprintf(before, sizeof before, "up_blocks.%zu.attentions.%zu.", i, j);
    return part == 1 && attention_name(to, before, name, d);
}

static bool middle_name(char to[PB_NAME], const char *name, const dialect *d)
{
    size_t part;

    if (!pb_name_number(&name, &part) || part > 2)
        return false;
    if (part == 1)
        return attention_name(to, "mid_block.attentions.0.", name, d);
    return pb_rename(to, resnet, part ? "mid_block.resnets.1." : "mid_block.resnets.0.", name);
}

static bool unet_name(char to[PB_NAME], const char *name, const pb_naming *k, const dialect *d)
{
    const char *rest;

    if ((rest = pb_name_within(name, "input_blocks")) != NULL)
        return down_name(to, rest, k, d);
    if ((rest = pb_name_within(name, "middle_block")) != NULL)
        return middle_name(to, rest, d);
    if ((rest = pb_name_within(name, "output_blocks")) != NULL)
        return up_name(to, rest, k, d);
    return pb_rename(to, d->plain, "", name);
}

#define TIME_AND_OUT                                                                               \
    {"time_embed.0", "time_embedding.linear_1"}, {"time_embed.2", "time_embedding.linear_2"},      \
        {"out.0", "conv_norm_out"},                                                                \
    {                                                                                              \
        "out.2", "conv_out"                                                                        \
    }

bool pb_unet_name(char to[PB_NAME], const char *name, const pb_naming *k)
{
    static const pb_renamed plain[] = {
        TIME_AND_OUT,
        {"label_emb.0.0", "add_embedding.linear_1"},
        {"label_emb.0.2", "add_embedding.linear_2"},
        {NULL, NULL},
    };

    return unet_name(to, name, k, &(dialect){.plain = plain});
}

bool pb_adm_name(char to[PB_NAME], const char *name, const pb_naming *k)
{
    static const pb_renamed plain[] = {
        TIME_AND_OUT,
        {"label_emb", "class_embedding"},
        {NULL, NULL},
    };
    static const pb_renamed attention[] = {
        {"norm", "group_norm"},
        {"qkv", "qkv"},
        {"proj_out", "to_out.0"},
        {NULL, NULL},
    };

    return unet_name(to, name, k, &(dialect){plain, attention, true});
}
