/* A file in a folder of its own, which nobody else can see, for what only reads and writes files.
 */
#ifndef PB_EXPLORE_SCRATCH_H
#define PB_EXPLORE_SCRATCH_H

#include "base/error.h"

typedef struct pb_scratch {
    char *folder, *path;
} pb_scratch;

/* Makes the folder; the path is that of a file to be. To be ended also on failure. Errors: PB_IO.
 */
pb_status pb_scratch_begin(pb_scratch *scratch, const char *name, pb_error *error);

/* Removes file and folder. The error of a status that is not PB_OK calls the file by its name alone
 * from now on. */
void pb_scratch_end(pb_scratch *scratch, pb_status status, pb_error *error);

#endif
