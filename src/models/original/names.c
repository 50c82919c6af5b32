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
