/* A part of a model that LoRAs are added to: its layers by name. */
#ifndef PB_MODELS_LORA_TARGET_H
#define PB_MODELS_LORA_TARGET_H

#include "io/addition.h"
#include "models/part.h"

/* A module with a weight. */
typedef struct pb_lora_layer {
    char *flat;              /* "down_blocks_0_attentions_0_proj_in"; pb_free's */
    const pb_stored *weight; /* "down_blocks.0.attentions.0.proj_in.weight" */
    const pb_stored *bias;   /* or NULL */
} pb_lora_layer;

typedef struct pb_lora_target {
    pb_role role;
    pb_weights *weights; /* NULL: not open */
    size_t count;
    pb_lora_layer *layers; /* by `flat` */
    size_t depth;    /* of a U-Net: residual blocks of each level; of a text encoder: layers */
    bool cut;        /* a text encoder without its last layer, which nothing needs */
    pb_added *added; /* by all LoRAs so far */
    size_t added_count, added_room;
} pb_lora_target;

/* Opens a part's weights. *target must be zero-filled; pb_lora_target_close frees it, also on
 * failure. Errors: those of pb_part_weights. */
pb_status pb_lora_target_open(pb_lora_target *target, const pb_part *part, pb_role role,
                              pb_error *error);
void pb_lora_target_close(pb_lora_target *target);

/* The number of the layer that a LoRA calls so, with dots or underscores: in the names of diffusers
 * and transformers, or a U-Net's in those of the original layout. SIZE_MAX: there is none. */
size_t pb_lora_target_find(const pb_lora_target *target, const char *path);

/* Adds to the list of what is added. Errors: PB_MEMORY. */
pb_status pb_lora_target_add(pb_lora_target *target, const pb_stored *to, pb_addition addition,
                             pb_error *error);

/* Is it the last layer of a text encoder that ends before it? */
bool pb_lora_target_left(const pb_lora_target *target, const char *path);

#endif
