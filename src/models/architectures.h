/* The networks that are read, each in the file of its name. */
#ifndef PB_MODELS_ARCHITECTURES_H
#define PB_MODELS_ARCHITECTURES_H

#include "io/config.h"
#include "io/weights.h"
#include "models/facts.h"

/* Reads the config, builds the graph, and tells the facts of its kind. Takes config over and closes
 * it. Errors: PB_FORMAT, PB_UNSUPPORTED, PB_MEMORY. */
typedef pb_status pb_architecture(pb_graph **graph, pb_component_facts *facts, pb_config *config,
                                  const pb_weights *weights, pb_error *error);

/* UNet2DModel of diffusers: the U-Net of DDPM (Ho et al. 2020) and its relatives. */
pb_architecture pb_unet2d;

/* UNet2DConditionModel of diffusers: the U-Net of Stable Diffusion 1.x and 2.x (Rombach et al.
 * 2022), and of XL (Podell et al. 2023). */
pb_architecture pb_unet2d_condition;

/* AutoencoderKL of diffusers: the variational autoencoder of latent diffusion (Rombach et al.
 * 2022). Its graph has two inputs, and a tap behind each. */
pb_architecture pb_autoencoder_kl;

/* CLIPTextModel of transformers: the text encoder of Stable Diffusion (Radford et al. 2021). */
pb_architecture pb_clip_text;

/* CLIPTextModelWithProjection of transformers: the second one of Stable Diffusion XL. */
pb_architecture pb_clip_text_projected;

#endif
