/* Where a hub is, and as whom it is asked: what the environment says. */
#ifndef PB_HUB_SETTINGS_H
#define PB_HUB_SETTINGS_H

#include "base/error.h"

#define PB_HUB_ENDPOINT "https://huggingface.co"

typedef struct pb_hub_settings {
    char *endpoint; /* HF_ENDPOINT, without a slash at its end */
    char *token;    /* HF_TOKEN, or of a file; NULL: none */
} pb_hub_settings;

/* Errors: PB_IO (HF_HUB_OFFLINE is set; a token file that cannot be read), PB_INVALID (what is no
 * address, or no token), PB_MEMORY. To be cleared in any case. */
pb_status pb_hub_settings_read(pb_hub_settings *settings, pb_error *error);
void pb_hub_settings_clear(pb_hub_settings *settings);

#endif
