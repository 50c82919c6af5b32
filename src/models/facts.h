/* What a network is, apart from its graph; by kind (components.h). */
#ifndef PB_MODELS_FACTS_H
#define PB_MODELS_FACTS_H

#include <stdint.h>

#include "graph/graph.h"

/* The largest height and width. */
#define PB_LARGEST 65536

/* A network that predicts noise. The inputs of its graph are known by name: "x", "timestep",
 * "class", and whatever tensors it is conditioned on besides: "context", and where pooled_width is
 * not 0 "pooled" (1, pooled_width) and "time_ids" (1, PB_TIME_IDS). */
#define PB_TIME_IDS 6 /* heights and widths: original size, crop's top and left, target size */

typedef struct pb_denoiser_facts {
    size_t in_channels, out_channels; /* of `out` as used */
    bool learned_variance;
    size_t sample_height, sample_width;
    size_t size_multiple, size_least; /* what height and width may be, up to PB_LARGEST */
    bool class_conditional;
    size_t classes;       /* 0: not conditional, or any number (class_embed_type "timestep") */
    size_t context_width; /* numbers of each token's embedding; 0: not conditioned on text */
    size_t pooled_width;  /* numbers of a prompt's pooled embedding; 0: it takes none */
} pb_denoiser_facts;

/* The inputs of an autoencoder's graph. */
enum { PB_VAE_IMAGE, PB_VAE_LATENT };

typedef struct pb_autoencoder_facts {
    size_t channels, latent_channels;
    size_t factor; /* pixels for each position of a latent, in height and in width */
    double scaling;
    pb_value mean;  /* of the latent's distribution, from the image */
    pb_value image; /* from the latent */
} pb_autoencoder_facts;

/* Of configs that say 2 (transformers before 4.31). */
#define PB_LARGEST_TOKEN 2

/* A text encoder; its graph's one input is the tokens (length, 1, 1). */
typedef struct pb_text_facts {
    size_t vocabulary, length, width; /* tokens there are, tokens of a prompt, numbers of each */
    pb_value hidden;                  /* the last hidden state, behind the final norm */
    pb_value penultimate;             /* the one before the last, which goes into the last layer */
    size_t projected_width;           /* numbers of each position of `projected`; 0: it has none */
    pb_value projected;               /* of `hidden`: a prompt's is that of its end token */
    uint32_t end; /* which one that is; PB_LARGEST_TOKEN: the largest there is */
} pb_text_facts;

typedef union pb_component_facts {
    pb_denoiser_facts denoiser;
    pb_autoencoder_facts autoencoder;
    pb_text_facts text;
} pb_component_facts;

#endif
