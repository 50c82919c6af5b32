/* Temporary files and folders beside what they are for, and the removal of those that were left
 * behind: by a process that was killed, say, before it could remove them.
 *
 * They are named .pullback-NUMBER.tmp, 16 hexadecimal digits that nobody else has, and locked as
 * long as they are in use (flock): the kernel drops the lock when the process ends, however it
 * ends. What has such a name and no lock has no owner any more. */
#ifndef PB_IO_TEMPORARY_H
#define PB_IO_TEMPORARY_H

#include "base/error.h"

#define PB_TEMPORARY_PREFIX ".pullback-"

typedef struct pb_temporary {
    char *path; /* NULL: there is none */
    int lock;   /* a descriptor that holds the lock; of a file the one that it is written by */
} pb_temporary;

#define PB_TEMPORARY_NONE ((pb_temporary){NULL, -1})

/* Makes an empty file, or a folder of the user's alone, in the folder that `beside` lies in. A file
 * gets the permissions of any new file (0666 less the umask). Returns 0, or the reason
 * (ENOMEM, EACCES …); *temporary is then none. pb_temporary_end ends it. */
int pb_temporary_file(pb_temporary *temporary, const char *beside);
int pb_temporary_folder(pb_temporary *temporary, const char *beside);

/* Drops the lock and forgets it. The file or folder itself is removed, or renamed, before. */
void pb_temporary_end(pb_temporary *temporary);

/* Removes from a folder the temporary files, and folders with the files in them, that nobody has
 * locked. Only where a lock is known to all who can write there, on file systems of this machine
 * alone; only the user's own; no symbolic link is followed; and a folder with others in it stays.
 * What cannot be removed stays without a word. */
void pb_temporary_sweep(const char *folder);

#endif
