/* Fields that the configs of several architectures have. */
#ifndef PB_MODELS_FIELDS_H
#define PB_MODELS_FIELDS_H

#include "io/config.h"
#include "ops/activation.h"

#define PB_MAX_CHANNELS 65536

/* A whole number from `least` to `most`. */
size_t pb_read_size(pb_config *c, const char *key, long fallback, long least, long most);

/* The position of a string field in a list that ends with NULL; another string is refused. */
size_t pb_read_choice(pb_config *c, const char *key, const char *fallback,
                      const char *const *choices);

/* An activation by the name diffusers and transformers give it. */
pb_activation pb_read_activation(pb_config *c, const char *key, const char *fallback);

/* class_embed_type and num_class_embeds: *classes of them (0: none, or by timestep). Returns
 * whether the label is embedded as a timestep. */
bool pb_read_classes(pb_config *c, size_t *classes);

#define PB_MAX_BLOCKS 16

/* The levels of a U-Net: block types on the way down and up, and channels. */
typedef struct pb_block_fields {
    size_t count;
    const char *down[PB_MAX_BLOCKS], *up[PB_MAX_BLOCKS];
    long channels[PB_MAX_BLOCKS];
} pb_block_fields;

/* Reads down_block_types, up_block_types and block_out_channels into *blocks, which holds the
 * defaults of absent fields; they must be of one length. False after an error. */
bool pb_read_block_fields(pb_config *c, pb_block_fields *blocks);

/* Refuses a number of output channels that is neither in_channels nor twice that. */
void pb_check_out_channels(pb_config *c, size_t in_channels, size_t out_channels);

/* Fields that change nothing: what training and early releases of diffusers leave in a config. */
void pb_ignore_inert(pb_config *c);

/* Refuses a field that is neither absent, null nor false. */
void pb_refuse_set(pb_config *c, const char *key);

#endif
