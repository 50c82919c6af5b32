/* A component of a model: where it lies, and how it is opened. */
#ifndef PB_MODELS_PART_H
#define PB_MODELS_PART_H

#include <jansson.h>

#include "models/components.h"

/* In a folder of its own, or in a file that holds the whole model; all empty: it is not there.
 * Strings are pb_free's. */
typedef struct pb_part {
    const pb_component *component; /* what the pipeline says it is; NULL of a denoiser: its config
                                      does */
    char *folder;
    char *files[PB_COMPONENT_FILES]; /* those in it that results depend on */
    size_t count;
    char *weights; /* likewise; or NULL */

    pb_weights *selected; /* in a file of the whole: its tensors, by the names of the folder's; of a
                             part that a LoRA adds to, its weights with that; else NULL */
    json_t *config;       /* in a file of the whole: what config.json would say */
} pb_part;

void pb_part_clear(pb_part *part);

bool pb_part_is_there(const pb_part *part);

/* Where it lies, for messages. */
const char *pb_part_place(const pb_part *part);

/* Its config.json. Errors: those of pb_config_open. */
pb_status pb_part_config(pb_config **out, const pb_part *part, pb_error *error);

/* Its weights (pb_weights_free). Errors: those of pb_weights_locate and pb_weights_open. */
pb_status pb_part_weights(pb_weights **out, const pb_part *part, pb_error *error);

#endif
