/* Small files of a hub, in memory. */
#ifndef PB_HUB_TEXT_H
#define PB_HUB_TEXT_H

#include <jansson.h>

#include "hub/http.h"
#include "hub/hub.h"

/* Gets one JSON object of at most `most` bytes. file: the one that it is to be, byte for byte, or
 * NULL. Errors: PB_FORMAT; those of pb_http_get. */
pb_status pb_hub_object(json_t **out, pb_http *http, const char *what, const char *url, size_t most,
                        const pb_hub_file *file, pb_error *error);

/* Is this reply of that file, of that commit, as they were listed? A server need not say. Errors:
 * PB_FORMAT. */
pb_status pb_hub_check_reply(const pb_reply *reply, const char *what, const char *commit,
                             const char *hash, pb_error *error);

#endif
