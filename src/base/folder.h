/* Folders. */
#ifndef PB_BASE_FOLDER_H
#define PB_BASE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Is there a folder, or a link to one? NULL: no. */
bool pb_is_folder(const char *path);

/* Bytes of the files in a folder and in those below it. links: also of files that links lead to.
 * What cannot be looked at counts nothing. */
size_t pb_folder_bytes(const char *path, bool links);

/* Makes a folder and those above it, where they are not there. Errors: PB_IO, PB_MEMORY. */
pb_status pb_make_folders(const char *path, pb_error *error);

/* The same of the folder that a file is to lie in. */
pb_status pb_make_folders_above(const char *path, pb_error *error);

#endif
