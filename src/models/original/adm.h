/* What the settings beside a network of guided-diffusion say, by the names of that code's flags. */
#ifndef PB_MODELS_ORIGINAL_ADM_H
#define PB_MODELS_ORIGINAL_ADM_H

#include "models/original/pixel_parts.h"

/* What no shape says of attention. */
typedef struct pb_adm_heads {
    size_t count, width; /* so many heads, or of so many channels; 0: not said */
    bool in_turn;        /* use_new_attention_order */
    char from[300];      /* what says so */
} pb_adm_heads;

/* Opens the settings, those of none where there are none; pb_config_close. Lists that are words
 * ("16,8") are lists then. Errors: PB_FORMAT, PB_MEMORY. */
pb_status pb_adm_settings(pb_config **c, const pb_pixel *p, pb_error *error);

/* Errors, of all: the config's. */
void pb_adm_read_heads(pb_adm_heads *heads, pb_config *c);
void pb_adm_read_noise(pb_pixel_noise *noise, pb_config *c, const pb_pixel *p);

/* Those that say what shapes say too, and those that change nothing here. steps: of the
 * schedule. */
void pb_adm_read_rest(const pb_pixel *p, pb_config *c, size_t steps);

#endif
