/* What a hub's refusals mean, in one line. */
#ifndef PB_HUB_REFUSAL_H
#define PB_HUB_REFUSAL_H

#include "hub/http.h"

/* Returns PB_IO. */
pb_status pb_hub_refused(const pb_http *http, const char *what, const pb_reply *reply,
                         pb_error *error);

#endif
