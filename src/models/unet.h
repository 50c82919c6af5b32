/* What the U-Nets have in common: their facts. The inputs of their graphs are known by name: "x",
 * "timestep", "class", and whatever tensors a network is conditioned on besides, "context". */
#ifndef PB_MODELS_UNET_H
#define PB_MODELS_UNET_H

#include "graph/graph.h"

/* The largest height and width. */
#define PB_LARGEST 65536

/* What a U-Net is, apart from its graph. */
typedef struct pb_unet_facts {
    size_t in_channels, out_channels; /* of `out` as used */
    bool learned_variance;
    size_t sample_height, sample_width;
    size_t size_multiple, size_least; /* what height and width may be, up to PB_LARGEST */
    bool class_conditional;
    size_t classes;       /* 0: not conditional, or any number (class_embed_type "timestep") */
    size_t context_width; /* numbers of each token's embedding; 0: not conditioned on text */
} pb_unet_facts;

#endif
