/* One file from the hub into the cache, whole or not at all. */
#ifndef PB_HUB_BLOB_H
#define PB_HUB_BLOB_H

#include "hub/http.h"
#include "hub/snapshot.h"

/* Fetches a blob, unless it is there. It comes as BLOB.incomplete, which stays where the work is
 * stopped or fails, and is gone on with; other bytes than the hub has listed are removed. Of
 * several processes one fetches, and the others wait. before: the bytes of the task that are done.
 * Errors: PB_IO, PB_FORMAT, PB_CANCELLED, PB_MEMORY. */
pb_status pb_hub_blob(pb_http *http, const pb_hub_cache *cache, const char *commit,
                      const pb_hub_file *file, size_t before, pb_error *error);

#endif
