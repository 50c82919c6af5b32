#include "models/fields.h"

#include <string.h>

size_t pb_read_size(pb_config *c, const char *key, long fallback, long least, long most)
{
    return (size_t)pb_config_integer(c, key, fallback, least, most);
}

size_t pb_read_choice(pb_config *c, const char *key, const char *fallback,
                      const char *const *choices)
{
    const char *value = pb_config_string(c, key, fallback);

    for (size_t i = 0; choices[i]; i++)
        if (strcmp(value, choices[i]) == 0)
            return i;
    pb_config_fail(c, PB_UNSUPPORTED, key, "\"%s\" is not supported", value);
    return 0;
}

pb_activation pb_read_activation(pb_config *c, const char *key, const char *fallback)
{
    static const char *const names[] = {"silu", "swish",      "mish", "gelu",
                                        "relu", "quick_gelu", NULL};
    static const pb_activation values[] = {PB_ACT_SILU, PB_ACT_SILU, PB_ACT_MISH,
                                           PB_ACT_GELU, PB_ACT_RELU, PB_ACT_QUICK_GELU};

    return values[pb_read_choice(c, key, fallback, names)];
}

bool pb_read_classes(pb_config *c, size_t *classes)
{
    const char *type;

    pb_config_nullable(c, "class_embed_type");
    pb_config_nullable(c, "num_class_embeds");
    type = pb_config_string(c, "class_embed_type", NULL);
    *classes = pb_read_size(c, "num_class_embeds", 0, 1, 10000000);
    if (!type)
        return false;
    *classes = 0;
    if (strcmp(type, "timestep"))
        pb_config_fail(c, PB_UNSUPPORTED, "class_embed_type", "\"%s\" is not supported", type);
    return true;
}

void pb_check_out_channels(pb_config *c, size_t in_channels, size_t out_channels)
{
    if (out_channels != in_channels && out_channels != 2 * in_channels)
        pb_config_fail(c, PB_UNSUPPORTED, "out_channels",
                       "expected in_channels (%zu) or twice as many (learned variance), found %zu",
                       in_channels, out_channels);
}

void pb_ignore_inert(pb_config *c)
{
    static const char *const names[] = {
        /* EMAModel.save_pretrained */
        "decay",
        "inv_gamma",
        "min_decay",
        "optimization_step",
        "power",
        "update_after_step",
        "use_ema_warmup",
        /* schedulers before 0.4 */
        "tensor_format",
        "timestep_values",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        pb_config_ignore(c, names[i]);
}

void pb_refuse_set(pb_config *c, const char *key)
{
    if (pb_config_is_set(c, key))
        pb_config_fail(c, PB_UNSUPPORTED, key, "is not supported");
}

bool pb_read_block_fields(pb_config *c, pb_block_fields *b)
{
    size_t down = b->count, up = b->count, channels = b->count;

    if (pb_config_has(c, "down_block_types"))
        down = pb_config_strings(c, "down_block_types", PB_MAX_BLOCKS, b->down);
    if (pb_config_has(c, "up_block_types"))
        up = pb_config_strings(c, "up_block_types", PB_MAX_BLOCKS, b->up);
    if (pb_config_has(c, "block_out_channels"))
        channels = pb_config_integers(c, "block_out_channels", PB_MAX_BLOCKS, b->channels, 1,
                                      PB_MAX_CHANNELS);
    b->count = channels;
    if (pb_config_status(c, NULL) != PB_OK)
        return false;
    if (down == channels && up == channels && channels > 0)
        return true;
    pb_config_fail(c, PB_FORMAT, "block_out_channels",
                   "expected as many widths as block types, found %zu widths, "
                   "%zu down_block_types and %zu up_block_types",
                   channels, down, up);
    return false;
}
