/* The fields that the configs of UNet2DModel and UNet2DConditionModel have in common. */
#ifndef PB_MODELS_UNET_FIELDS_H
#define PB_MODELS_UNET_FIELDS_H

#include "models/facts.h"
#include "models/fields.h"
#include "models/layers.h"

typedef struct pb_unet_fields {
    size_t in_channels, out_channels;
    bool center_input_sample, flip_sin_to_cos;
    double freq_shift;
    size_t time_embed_dim;
    double mid_scale;
    size_t downsample_padding;
    pb_activation activation;
    size_t groups;
    double eps;
    bool scale_shift, class_by_timestep;
    size_t classes;
} pb_unet_fields;

/* first: channels of the first level; image: of x where the config has none. */
void pb_read_unet_fields(pb_config *c, pb_unet_fields *fields, size_t first, long image);

/* What follows of them for the embedding (inner: between its two linear layers), for the layers,
 * and for the facts, of which sizes and context are left. */
pb_embedding_options pb_unet_embedding(const pb_unet_fields *fields, size_t first,
                                       pb_activation inner);
pb_layers pb_unet_layers(const pb_unet_fields *fields, pb_builder *b);
pb_denoiser_facts pb_unet_facts(const pb_unet_fields *fields);

#endif
