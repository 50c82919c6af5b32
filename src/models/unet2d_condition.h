/* UNet2DConditionModel of diffusers: the U-Net of Stable Diffusion 1.x and 2.x (Rombach et al.
 * 2022). */
#ifndef PB_MODELS_UNET2D_CONDITION_H
#define PB_MODELS_UNET2D_CONDITION_H

#include "io/config.h"
#include "io/weights.h"
#include "models/unet.h"

/* Reads the config and builds the graph. Takes config over and closes it.
 * Errors: PB_FORMAT, PB_UNSUPPORTED, PB_MEMORY. */
pb_status pb_unet2d_condition_build(pb_graph **graph, pb_unet_facts *facts, pb_config *config,
                                    const pb_weights *weights, pb_error *error);

#endif
