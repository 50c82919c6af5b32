/* Zip archives of data: what their members are called, where one lies, and its bytes. The directory
 * is read by libzip; nothing is ever unpacked into a folder. */
#ifndef PB_IO_ARCHIVE_H
#define PB_IO_ARCHIVE_H

#include <stdbool.h>

#include "io/file.h"

typedef struct pb_archive pb_archive;

/* A member as the directory has it. */
typedef struct pb_member {
    const char *name; /* of its archive */
    size_t number;
    bool packed;          /* compressed (deflate): only pb_archive_take knows its bytes */
    size_t size;          /* of what it holds */
    size_t offset, bytes; /* where in the file it lies, packed or not */
} pb_member;

/* Opens an archive in a file that is open and stays so. The caller closes *out. Errors: PB_IO,
 * PB_FORMAT (no archive; names of two members alike; a name that leads out of a folder),
 * PB_MEMORY. */
pb_status pb_archive_open(pb_archive **out, const pb_file *file, pb_error *error);
void pb_archive_close(pb_archive *archive);

/* The names of the members, in order of strcmp. */
size_t pb_archive_count(const pb_archive *archive);
const char *pb_archive_name(const pb_archive *archive, size_t i);

/* Is there a member of this name? */
bool pb_archive_has(const pb_archive *archive, const char *name);

/* Finds a member and its place. Errors: PB_FORMAT (there is none; it does not lie in the file),
 * PB_UNSUPPORTED (encrypted, or compressed by another method), PB_IO, PB_MEMORY. */
pb_status pb_archive_find(pb_archive *archive, const char *name, pb_member *out, pb_error *error);

/* A member's bytes (pb_bytes_clear). A bomb is refused before there is memory for it: all that is
 * unpacked of an archive is at most 16 MiB and 64 times the file's size. Errors: PB_FORMAT
 * (damaged, by its checksum), PB_UNSUPPORTED (a bomb), PB_IO, PB_MEMORY. */
pb_status pb_archive_take(pb_archive *archive, const pb_member *member, pb_bytes *out,
                          pb_error *error);

#endif
