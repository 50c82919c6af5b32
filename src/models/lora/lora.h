/* LoRAs: low-rank additions to the weights of a model (Hu et al. 2021), found by the names of their
 * tensors. A part that one adds to reads its weights with the additions (pb_part.selected). */
#ifndef PB_MODELS_LORA_LORA_H
#define PB_MODELS_LORA_LORA_H

#include <pullback/model.h>

#include "models/locate.h"

/* A LoRA of a model. Strings are pb_free's. */
typedef struct pb_lora_file {
    char *path;   /* the file */
    char *config; /* adapter_config.json beside it that is read too, or NULL */
    double weight;
    pb_weights *weights;
    char **unmatched;
    size_t unmatched_room;
    pb_lora_info info; /* points into the above */
} pb_lora_file;

typedef struct pb_loras {
    size_t count;
    pb_lora_file *files;
} pb_loras;

/* Opens the files of the options. pb_loras_close frees *loras, also on failure.
 * Errors: PB_INVALID (a weight that is not finite), those of pb_weights_open. */
pb_status pb_loras_open(pb_loras *loras, const pb_model_options *options, pb_error *error);
void pb_loras_close(pb_loras *loras);

/* Adds them all to the model's parts, and tells what became of each. Errors: PB_INVALID (a model
 * that reads no text; nothing fits), PB_FORMAT (shapes and ranks that do not go together, a factor
 * without the other, two of one layer), PB_UNSUPPORTED (what it is instead), PB_IO, PB_MEMORY. */
pb_status pb_loras_merge(pb_loras *loras, pb_model_files *files, pb_error *error);

#endif
