/* UNet2DModel of diffusers: the U-Net of DDPM (Ho et al. 2020) and its relatives. */
#ifndef PB_MODELS_UNET2D_H
#define PB_MODELS_UNET2D_H

#include "io/config.h"
#include "io/weights.h"
#include "models/unet.h"

/* Reads the config and builds the graph. Takes config over and closes it.
 * Errors: PB_FORMAT, PB_UNSUPPORTED, PB_MEMORY. */
pb_status pb_unet2d_build(pb_graph **graph, pb_unet_facts *facts, pb_config *config,
                          const pb_weights *weights, pb_error *error);

#endif
