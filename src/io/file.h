/* Files: read at any place, read whole, and write whole or not at all. */
#ifndef PB_IO_FILE_H
#define PB_IO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "base/error.h"
#include "base/stop.h"
#include "io/temporary.h"

/* A file that is open for reading, by any number of threads. It is never mapped: to read what
 * somebody has cut off a mapped file ends the process with SIGBUS, here it is an error.
 *
 * It stays the file it was when it was opened. Replacing it by renaming another over it, as
 * pb_output does, changes nothing; writing into it, even what makes it as long as before, lets
 * every later reading fail, so that nobody takes half of one file and half of another. (Known by
 * its size and the time of its last writing, which no system keeps finer than some milliseconds.)
 */
typedef struct pb_file {
    const char *path; /* the caller's; NULL: none is open */
    int descriptor;
    size_t size;
    struct timespec written; /* when it was last written to */
    struct timespec changed; /* the same or what was done to it as a whole, before it was opened */
} pb_file;

#define PB_FILE_NONE ((pb_file){.path = NULL})

/* Is there anything of that name? Errors: PB_IO (nobody may look, say, which is no "no"). */
pb_status pb_file_is_there(bool *there, const char *path, pb_error *error);

/* Opens a regular file. Never waits (on a FIFO, say). The path must live as long as the file is
 * open. Errors: PB_IO (the message has the path and the system's reason; also for what is not a
 * regular file), PB_FORMAT (the file is empty). *file is then none. */
pb_status pb_file_open(pb_file *file, const char *path, pb_error *error);

/* Reads exactly `count` bytes from byte `at` on. Errors: PB_IO, also where the file is no longer
 * as it was when it was opened. */
pb_status pb_file_read_at(const pb_file *file, size_t at, void *out, size_t count, pb_error *error);

/* Does nothing where none is open. */
void pb_file_close(pb_file *file);

/* A file's bytes in memory, with a NUL after the last. The caller clears them. */
typedef struct pb_bytes {
    unsigned char *data;
    size_t size;
} pb_bytes;

/* Reads a whole file of at most `most` bytes. Errors: as pb_file_open and pb_file_read_at,
 * PB_FORMAT (it is larger), PB_MEMORY. *bytes is then empty. */
pb_status pb_file_read(pb_bytes *bytes, const char *path, size_t most, pb_error *error);
void pb_bytes_clear(pb_bytes *bytes);

/* An output that appears under its name only when it is complete: it is written to a temporary
 * file in the same folder (io/temporary.h) and renamed. Begin with PB_OUTPUT_EMPTY; end with a
 * commit, or with pb_output_abandon on any failure. (Where files may not grow beyond a limit,
 * `ulimit -f`, the system sends SIGXFSZ. A program that ignores it, as pullback does, gets an error
 * instead.) */
typedef struct pb_output {
    FILE *stream; /* write here */
    char *path;   /* where it will appear: links are followed, so that they stay */
    pb_temporary temporary;
} pb_output;

#define PB_OUTPUT_EMPTY ((pb_output){NULL, NULL, PB_TEMPORARY_NONE})

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

/* SHA-256 of files one after the other, as 64 hexadecimal digits and a NUL. open: NULL, or those of
 * them that are open already, which are read whatever has their names now (NULL: opened by its
 * path). stop: asked about once in a million bytes, or NULL. Errors: PB_IO, also where one changes
 * while it is read; PB_CANCELLED. */
pb_status pb_file_sha256(size_t count, const char *const *paths, const pb_file *const *open,
                         char digest[65], const pb_stop *stop, pb_error *error);

/* The same of bytes. */
void pb_sha256(const void *bytes, size_t count, char digest[65]);

#endif
