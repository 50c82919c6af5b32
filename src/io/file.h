/* Files: read whole, map, and write whole or not at all. */
#ifndef PB_IO_FILE_H
#define PB_IO_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

/* A file in memory, read-only. Map with pb_file_map, undo with pb_file_unmap.
 *
 * The size is taken once, when it is mapped: a file that somebody truncates in place later ends
 * the process with SIGBUS when its lost part is read. Replacing a file by renaming another over
 * it, as pb_output does, is safe. */
typedef struct pb_mapping {
    const unsigned char *data;
    size_t size;
} pb_mapping;

/* Maps a regular file. Never waits (on a FIFO, say).
 * Errors: PB_IO (the message has the path and the system's reason; also for what is not a
 * regular file), PB_FORMAT (the file is empty). *mapping is then empty. */
pb_status pb_file_map(pb_mapping *mapping, const char *path, pb_error *error);

/* Does nothing to an empty mapping. */
void pb_file_unmap(pb_mapping *mapping);

/* An output that appears under its name only when it is complete: it is written to a temporary
 * file in the same folder and renamed. Begin with PB_OUTPUT_EMPTY; end with a commit, or with
 * pb_output_abandon on any failure. */
typedef struct pb_output {
    FILE *stream; /* write here */
    char *path;   /* where it will appear: links are followed, so that they stay */
    char *temporary;
} pb_output;

#define PB_OUTPUT_EMPTY ((pb_output){NULL, NULL, NULL})

/* The file's permissions are those of any new file (0666 less the umask).
 * Errors: PB_IO (also where path is something other than a regular file), PB_MEMORY; *output is
 * then empty. */
pb_status pb_output_open(pb_output *output, const char *path, pb_error *error);

/* Writes bytes. Errors: PB_IO; the caller abandons the output. */
pb_status pb_output_bytes(pb_output *output, const void *bytes, size_t count, pb_error *error);

/* Writes little-endian float32. Errors: PB_IO; the caller abandons the output. */
pb_status pb_output_floats(pb_output *output, const float *values, size_t count, pb_error *error);

/* Flushes, syncs, renames. Errors: PB_IO; the temporary file is then gone and the old file
 * untouched. *output is empty afterwards in any case. */
pb_status pb_output_commit(pb_output *output, pb_error *error);

/* Gives up: removes the temporary file. Does nothing to an empty output or after a commit. */
void pb_output_abandon(pb_output *output);

/* All of it at once: a file of these bytes, whole or not at all. Errors: PB_IO, PB_MEMORY. */
pb_status pb_file_write(const char *path, const void *bytes, size_t count, pb_error *error);

/* SHA-256 of files one after the other, as 64 hexadecimal digits and a NUL. Errors: PB_IO. */
pb_status pb_file_sha256(size_t count, const char *const *paths, char digest[65], pb_error *error);

/* The same of bytes. */
void pb_sha256(const void *bytes, size_t count, char digest[65]);

#endif
