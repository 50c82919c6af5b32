/* UNet2DModel of diffusers: the U-Net of DDPM (Ho et al. 2020) and its relatives. */
#ifndef PB_MODELS_UNET2D_H
#define PB_MODELS_UNET2D_H

#include "graph/graph.h"
#include "io/config.h"
#include "io/weights.h"
#include "ops/convolver.h"

/* The inputs of a U-Net's graph, in this order. The class label is there only where the network
 * is conditioned on one. */
enum { PB_INPUT_X, PB_INPUT_TIME, PB_INPUT_CLASS };

/* What a U-Net is, apart from its graph. */
typedef struct pb_unet_facts {
    size_t in_channels, out_channels; /* of `out` as used */
    bool learned_variance;
    size_t sample_height, sample_width;
    size_t size_multiple;
    bool class_conditional;
    size_t classes; /* 0: not conditional, or any number (class_embed_type "timestep") */
} pb_unet_facts;

/* Reads the config and builds the graph. Takes config over and closes it.
 * Errors: PB_FORMAT, PB_UNSUPPORTED, PB_MEMORY. */
pb_status pb_unet2d_build(pb_graph **graph, pb_unet_facts *facts, pb_config *config,
                          const pb_weights *weights, pb_convolver *convolver, pb_error *error);

#endif
