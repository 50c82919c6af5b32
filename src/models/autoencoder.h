/* AutoencoderKL of diffusers: the variational autoencoder of latent diffusion (Rombach et al.
 * 2022). Its graph has two inputs, and a tap behind each. */
#ifndef PB_MODELS_AUTOENCODER_H
#define PB_MODELS_AUTOENCODER_H

#include "graph/graph.h"
#include "io/config.h"
#include "io/weights.h"

enum { PB_VAE_IMAGE, PB_VAE_LATENT }; /* the inputs */

typedef struct pb_autoencoder_facts {
    size_t channels, latent_channels;
    size_t factor; /* pixels for each position of a latent, in height and in width */
    double scaling;
    pb_value mean;  /* of the latent's distribution, from the image */
    pb_value image; /* from the latent */
} pb_autoencoder_facts;

/* Reads the config and builds the graph. Takes config over and closes it.
 * Errors: PB_FORMAT, PB_UNSUPPORTED, PB_MEMORY. */
pb_status pb_autoencoder_build(pb_graph **graph, pb_autoencoder_facts *facts, pb_config *config,
                               const pb_weights *weights, pb_error *error);

#endif
