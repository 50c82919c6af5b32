#include "models/original/pixel_parts.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

#define GROUPS 32
#define MOST_SIZE 65536
#define MOST_RESOLUTIONS 16

/* -- shapes ---------------------------------------------------------------------------------- */

static size_t count_layers(const pb_weights *w)
{
    size_t n = 0;

    while (pb_size_of(w, 0, "down_blocks.0.resnets.%zu.conv2.weight", n))
        n++;
    return n;
}

pb_status pb_pixel_shapes(pb_pixel *p, const pb_weights *w, pb_error *error)
{
    const char *first = "down_blocks.0.resnets.0";

    p->in = pb_size_of(w, 1, "conv_in.weight");
    p->out = pb_size_of(w, 0, "conv_out.weight");
    p->sinusoids = pb_size_of(w, 1, "time_embedding.linear_1.weight");
    p->classes = pb_size_of(w, 0, "class_embedding.weight");
    p->layers = count_layers(w);
    for (size_t i = 0;; i++) {
        const size_t channels = pb_size_of(w, 0, "down_blocks.%zu.resnets.0.conv2.weight", i);
        if (!channels)
            break;
        if (i == PB_PIXEL_LEVELS)
            return pb_fail(error, PB_FORMAT, "%s: levels: expected at most %d", p->o->path,
                           PB_PIXEL_LEVELS);
        p->level[i] = (struct pb_pixel_level){
            .channels = channels,
            .down = pb_size_of(w, 0, "down_blocks.%zu.attentions.0.group_norm.weight", i) > 0,
            .up = pb_size_of(w, 0, "up_blocks.%zu.attentions.0.group_norm.weight", i) > 0};
        p->levels = i + 1;
    }
    if (!p->levels)
        return pb_fail(error, PB_FORMAT, "%s: %s: expected residual blocks, found none", p->o->path,
                       p->family);
    p->middle = pb_size_of(w, 0, "mid_block.attentions.0.group_norm.weight") > 0;
    p->scale_shift = pb_size_of(w, 0, "%s.time_emb_proj.weight", first) == 2 * p->level[0].channels;
    p->down_by_resnet = pb_size_of(w, 0, "down_blocks.0.downsamplers.0.conv1.weight") > 0;
    p->up_by_resnet = pb_size_of(w, 0, "up_blocks.0.upsamplers.0.conv1.weight") > 0;
    return PB_OK;
}

/* -- settings -------------------------------------------------------------------------------- */

void pb_pixel_agree(pb_config *c, const char *key, size_t found)
{
    const long said = pb_config_integer(c, key, (long)found, 0, 1000000);

    if (said != (long)found)
        pb_config_fail(c, PB_FORMAT, key, "says %ld, but the tensors have %zu", said, found);
}

void pb_pixel_agree_whether(pb_config *c, const char *key, bool found)
{
    if (pb_config_boolean(c, key, found) != found)
        pb_config_fail(c, PB_FORMAT, key, "says %s, but the tensors say %s",
                       found ? "false" : "true", found ? "true" : "false");
}

void pb_pixel_agree_channels(pb_config *c, const char *key, const pb_pixel *p)
{
    float *said = NULL;
    const size_t count = pb_config_numbers(c, key, PB_PIXEL_LEVELS, &said);

    if (count && count != p->levels)
        pb_config_fail(c, PB_FORMAT, key, "has %zu levels, but the tensors have %zu", count,
                       p->levels);
    for (size_t i = 0; i < count && i < p->levels; i++)
        if ((float)p->sinusoids * said[i] != (float)p->level[i].channels)
            pb_config_fail(c, PB_FORMAT, key,
                           "says %g times %zu channels on level %zu, but the tensors have %zu",
                           (double)said[i], p->sinusoids, i, p->level[i].channels);
    pb_free(said);
}

/* The first level on the way down that has attention; levels: none has. */
static size_t first_attention(const pb_pixel *p)
{
    size_t i = 0;

    while (i < p->levels && !p->level[i].down)
        i++;
    return i;
}

static void check_attention(const pb_pixel *p, pb_config *c, const char *key, size_t count,
                            const long *said)
{
    for (size_t i = 0; i < p->levels; i++) {
        const long pixels = (long)(p->size >> i);
        bool found = false;
        for (size_t k = 0; k < count; k++)
            found = found || said[k] == pixels;
        if (found != p->level[i].down)
            pb_config_fail(c, PB_FORMAT, key,
                           "%s %ld pixels, but the tensors have %s attention on that level (%zu of "
                           "pictures of %zu pixels)",
                           found ? "says" : "does not say", pixels, found ? "no" : "an", i,
                           p->size);
    }
}

pb_status pb_pixel_size(pb_pixel *p, pb_config *c, const char *key, pb_error *error)
{
    long said[MOST_RESOLUTIONS], most = 0;
    const size_t count = pb_config_integers(c, key, MOST_RESOLUTIONS, said, 1, MOST_SIZE);
    const size_t level = first_attention(p);
    const char *from = "image_size";

    p->size = (size_t)pb_config_integer(c, from, 0, 1, MOST_SIZE);
    for (size_t k = 0; k < count; k++)
        most = said[k] > most ? said[k] : most;
    if (!p->size && count && level < p->levels) {
        p->size = (size_t)most << level;
        from = key;
    }
    if (!p->size)
        return PB_OK;
    if (count)
        check_attention(p, c, key, count, said);
    return pb_original_note(p->o, error, "size: %zu pixels (%s of %s)", p->size, from,
                            pb_config_path(c));
}

/* -- configs --------------------------------------------------------------------------------- */

static void add_levels(json_t *down, json_t *up, json_t *channels, const pb_pixel *p)
{
    for (size_t i = 0; i < p->levels; i++) {
        const struct pb_pixel_level *l = &p->level[i];
        json_array_append_new(channels, json_integer((json_int_t)l->channels));
        json_array_append_new(down, json_string(l->down             ? "AttnDownBlock2D"
                                                : p->down_by_resnet ? "ResnetDownsampleBlock2D"
                                                                    : "DownBlock2D"));
        json_array_append_new(up, json_string(l->up             ? "AttnUpBlock2D"
                                              : p->up_by_resnet ? "ResnetUpsampleBlock2D"
                                                                : "UpBlock2D"));
    }
}

pb_status pb_pixel_config(json_t **config, const pb_pixel *p, const pb_pixel_rules *rules,
                          pb_error *error)
{
    json_t *down = json_array(), *up = json_array(), *channels = json_array();

    add_levels(down, up, channels, p);
    *config = json_pack(
        "{s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:b, s:i, s:i, s:f, s:i, s:i, s:s, s:s, s:s, "
        "s:b, s:o}",
        "_class_name", "UNet2DModel", "sample_size", (json_int_t)p->size, "in_channels",
        (json_int_t)p->in, "out_channels", (json_int_t)p->out, "down_block_types", down,
        "up_block_types", up, "block_out_channels", channels, "layers_per_block",
        (json_int_t)p->layers, "flip_sin_to_cos", rules->cosine_first, "freq_shift",
        rules->freq_shift, "downsample_padding", rules->padding, "norm_eps", rules->eps,
        "norm_num_groups", GROUPS, "attn_norm_num_groups", GROUPS, "downsample_type",
        p->down_by_resnet ? "resnet" : "conv", "upsample_type", p->up_by_resnet ? "resnet" : "conv",
        "resnet_time_scale_shift", p->scale_shift ? "scale_shift" : "default", "add_attention",
        p->middle, "attention_head_dim", rules->heads);
    if (!*config)
        return pb_fail_memory(error, 1, "a config");
    if (p->classes)
        json_object_set_new(*config, "num_class_embeds", json_integer((json_int_t)p->classes));
    return PB_OK;
}

pb_status pb_pixel_scheduler(json_t **config, const pb_pixel_noise *noise, pb_error *error)
{
    *config =
        json_pack("{s:s, s:s, s:I, s:b, s:s}", "_class_name", "DDPMScheduler", "beta_schedule",
                  noise->betas, "num_train_timesteps", (json_int_t)noise->steps, "clip_sample", 1,
                  "prediction_type", noise->prediction);
    if (!*config)
        return pb_fail_memory(error, 1, "a config");
    if (noise->start > 0) {
        json_object_set_new(*config, "beta_start", json_real(noise->start));
        json_object_set_new(*config, "beta_end", json_real(noise->end));
    }
    return PB_OK;
}
