/* Files: read whole, map, and write whole or not at all. */
#ifndef PB_IO_FILE_H
#define PB_IO_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

/* A file in memory, read-only. Map with pb_file_map, undo with pb_file_unmap. */
typedef struct pb_mapping {
    const unsigned char *data;
    size_t size;
} pb_mapping;

/* Maps a regular file. Errors: PB_IO (the message has the path and the system's reason). */
pb_status pb_file_map(pb_mapping *mapping, const char *path, pb_error *error);
void pb_file_unmap(pb_mapping *mapping);

/* An output that appears under its name only when it is complete: it is written to a temporary
 * file in the same folder and renamed. */
typedef struct pb_output {
    FILE *stream; /* write here */
    char *path;
    char *temporary;
} pb_output;

/* Errors: PB_IO, PB_MEMORY. */
pb_status pb_output_open(pb_output *output, const char *path, pb_error *error);

/* Flushes, syncs, renames. On failure the temporary file is gone and the old file untouched. */
pb_status pb_output_commit(pb_output *output, pb_error *error);

/* Gives up: removes the temporary file. Does nothing after a commit. */
void pb_output_abandon(pb_output *output);

/* SHA-256 of a file, as 64 hexadecimal digits and a NUL. Errors: PB_IO. */
pb_status pb_file_sha256(const char *path, char digest[65], pb_error *error);

#endif
