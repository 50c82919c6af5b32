/* The folders of one repository in the cache (models/cache.h). */
#ifndef PB_HUB_SNAPSHOT_H
#define PB_HUB_SNAPSHOT_H

#include "hub/hub.h"

typedef struct pb_hub_cache {
    char *repository; /* CACHE/models--OWNER--NAME */
    char *locks;      /* CACHE/.locks/models--OWNER--NAME, as huggingface_hub locks */
    char *snapshot;   /* REPOSITORY/snapshots/COMMIT */
} pb_hub_cache;

/* Makes names only. To be cleared in any case. Errors: PB_MEMORY. */
pb_status pb_hub_cache_open(pb_hub_cache *cache, const char *repository, const char *commit,
                            pb_error *error);
void pb_hub_cache_clear(pb_hub_cache *cache);

/* "FOLDER/blobs/BLOB" and what has come of it so far, ".incomplete"; pb_free, NULL: no memory. */
char *pb_hub_blob_path(const pb_hub_cache *cache, const char *blob, const char *ending);

/* Is a file there, in its length: in the snapshot, or as a blob? */
bool pb_hub_is_present(const pb_hub_cache *cache, const pb_hub_file *file);

/* Bytes that have come of it in a call before. */
size_t pb_hub_begun(const pb_hub_cache *cache, const pb_hub_file *file);

/* Puts a file into the snapshot, as a link to its blob. Errors: PB_IO, PB_MEMORY. */
pb_status pb_hub_link(const pb_hub_cache *cache, const pb_hub_file *file, pb_error *error);

/* Notes the commit that a branch or tag is at. Errors: PB_IO, PB_MEMORY. */
pb_status pb_hub_note(const pb_hub_cache *cache, const char *revision, const char *commit,
                      pb_error *error);

#endif
