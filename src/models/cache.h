/* The cache of huggingface_hub, which is laid out as
 *
 *     models--OWNER--NAME/blobs/HASH             the bytes of a file, by their hash
 *     models--OWNER--NAME/snapshots/COMMIT/…     the files of a commit: links to blobs
 *     models--OWNER--NAME/refs/main              the commit that "main" was at
 */
#ifndef PB_MODELS_CACHE_H
#define PB_MODELS_CACHE_H

#include <stddef.h>

#include "base/error.h"
#include "models/find.h"

/* Where the hub's programs keep what is theirs, and in it the cache, as constants.py of
 * huggingface_hub finds them: $HF_HOME, $HF_HUB_CACHE … pb_free; NULL: no memory. */
char *pb_cache_home(void);
char *pb_cache_folder(void);

/* A path with a leading ~ of the user's, as expanduser of Python has it. pb_free; NULL: no memory.
 */
char *pb_cache_expand(const char *path);

/* The snapshot of OWNER/NAME that huggingface_hub takes when it may not ask the hub: that of
 * refs/main; without one, the only snapshot there is. Of OWNER/NAME@REVISION that of the commit, or
 * that the branch or tag was at. *folder NULL: it is not there, or this is no such name; else
 * pb_free's. unused: other snapshots that the name could have meant (pb_list_add), or NULL.
 * Errors: PB_IO (which of several is not said), PB_MEMORY. */
pb_status pb_cache_find(char **folder, char **unused, const char *name, pb_error *error);

/* Calls visit for owner/name of each repository in the cache. */
void pb_cache_visit(pb_model_visit visit, void *context);

/* "CACHE/models--OWNER--NAME"; the name: its first bytes, `length` of them. pb_free; NULL: no
 * memory.
 */
char *pb_cache_repository(const char *name, size_t length);

#endif
