#include "models/unet_fields.h"

void pb_read_unet_fields(pb_config *c, pb_unet_fields *u, size_t first, long image)
{
    static const char *const positional[] = {"positional", NULL};
    static const char *const shifts[] = {"default", "scale_shift", NULL};

    u->in_channels = pb_read_size(c, "in_channels", image, 1, PB_MAX_CHANNELS);
    u->out_channels = pb_read_size(c, "out_channels", image, 1, PB_MAX_CHANNELS);
    pb_check_out_channels(c, u->in_channels, u->out_channels);
    u->center_input_sample = pb_config_boolean(c, "center_input_sample", false);
    pb_read_choice(c, "time_embedding_type", "positional", positional);
    u->flip_sin_to_cos = pb_config_boolean(c, "flip_sin_to_cos", true);
    u->freq_shift = pb_config_number(c, "freq_shift", 0, -1e6, 1e6);
    if (u->freq_shift == (double)(first / 2))
        pb_config_fail(c, PB_FORMAT, "freq_shift",
                       "%g makes every frequency of the time embedding infinite", u->freq_shift);
    pb_config_nullable(c, "time_embedding_dim");
    u->time_embed_dim = pb_read_size(c, "time_embedding_dim", 0, 0, 16 * PB_MAX_CHANNELS);
    if (u->time_embed_dim == 0)
        u->time_embed_dim = 4 * first;
    u->mid_scale = pb_config_number(c, "mid_block_scale_factor", 1, 1e-6, 1e6);
    u->downsample_padding = pb_read_size(c, "downsample_padding", 1, 0, 1);
    pb_config_ignore(c, "dropout"); /* acts in training only */
    u->activation = pb_read_activation(c, "act_fn", "silu");
    u->groups = pb_read_size(c, "norm_num_groups", 32, 1, PB_MAX_CHANNELS);
    u->eps = pb_config_number(c, "norm_eps", 1e-5, 1e-12, 1);
    u->scale_shift = pb_read_choice(c, "resnet_time_scale_shift", "default", shifts) == 1;
    u->class_by_timestep = pb_read_classes(c, &u->classes);
}

pb_embedding_options pb_unet_embedding(const pb_unet_fields *u, size_t first, pb_activation inner)
{
    return (pb_embedding_options){.channels = first,
                                  .width = u->time_embed_dim,
                                  .flip_sin_to_cos = u->flip_sin_to_cos,
                                  .freq_shift = u->freq_shift,
                                  .inner = inner,
                                  .classes = u->classes,
                                  .class_by_timestep = u->class_by_timestep};
}

pb_layers pb_unet_layers(const pb_unet_fields *u, pb_builder *b)
{
    return (pb_layers){.b = b,
                       .groups = u->groups,
                       .eps = u->eps,
                       .activation = u->activation,
                       .scale_shift = u->scale_shift};
}

pb_denoiser_facts pb_unet_facts(const pb_unet_fields *u)
{
    return (pb_denoiser_facts){.in_channels = u->in_channels,
                               .out_channels = u->in_channels,
                               .learned_variance = u->out_channels != u->in_channels,
                               .class_conditional = u->classes || u->class_by_timestep,
                               .classes = u->classes};
}
