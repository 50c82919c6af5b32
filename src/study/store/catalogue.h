/* The catalogue: a store in files, which the processes of one machine may share.
 *
 * An SQLite database FILE keeps what items there are, with the SHA-256 of their files, and what
 * studies want of them; the files lie in the folder FILE.items. An item counts as done when its
 * file has been renamed into place and the database says so. Who computes an item holds a lock on
 * one byte of FILE.lock, which the kernel drops when the process ends, however it ends: none waits
 * for a dead one. */
#ifndef PB_STUDY_STORE_CATALOGUE_H
#define PB_STUDY_STORE_CATALOGUE_H

#include "study/store/store.h"

/* A pb_store_opener: the name is a path. Errors: PB_IO, PB_FORMAT (not a catalogue), PB_MEMORY. */
pb_status pb_catalogue_open(pb_store **out, const char *path, int make, pb_error *error);

#endif
