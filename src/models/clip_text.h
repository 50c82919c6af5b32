/* CLIPTextModel of transformers: the text encoder of Stable Diffusion (Radford et al. 2021). */
#ifndef PB_MODELS_CLIP_TEXT_H
#define PB_MODELS_CLIP_TEXT_H

#include "graph/graph.h"
#include "io/config.h"
#include "io/weights.h"

typedef struct pb_clip_text_facts {
    size_t vocabulary, length, width; /* tokens there are, tokens of a prompt, numbers of each */
    pb_value hidden;                  /* the last hidden state, behind the final norm */
} pb_clip_text_facts;

/* Reads the config and builds the graph, whose one input is the tokens (length, 1, 1). Takes config
 * over and closes it. Errors: PB_FORMAT, PB_UNSUPPORTED, PB_MEMORY. */
pb_status pb_clip_text_build(pb_graph **graph, pb_clip_text_facts *facts, pb_config *config,
                             const pb_weights *weights, pb_error *error);

#endif
