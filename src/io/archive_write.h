/* Zip archives, written. */
#ifndef PB_IO_ARCHIVE_WRITE_H
#define PB_IO_ARCHIVE_WRITE_H

#include "io/file.h"

/* A member to be: its name, and its bytes. */
typedef struct pb_packed {
    const char *name;
    const void *data;
    size_t size;
} pb_packed;

/* An archive of these, not compressed (pb_bytes_clear). Errors: PB_MEMORY. */
pb_status pb_archive_pack(size_t count, const pb_packed *members, pb_bytes *out, pb_error *error);

#endif
