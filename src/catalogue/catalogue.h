/* The catalogue: items that were computed once (bases, trajectories), each a file, found by the
 * SHA-256 of a canonical JSON text of all that determines them.
 *
 * An SQLite database FILE keeps what items there are and what studies want of them; the files lie
 * in the folder FILE.items. An item counts as done when its file has been renamed into place and
 * the database says so. Who computes an item holds a lock on one byte of FILE.lock, which the
 * kernel drops when the process ends, however it ends: several processes may share a catalogue, and
 * none waits for a dead one. */
#ifndef PB_CATALOGUE_CATALOGUE_H
#define PB_CATALOGUE_CATALOGUE_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

typedef struct pb_catalogue pb_catalogue;

typedef struct pb_key {
    char text[65];
} pb_key;

/* Opens a catalogue, and makes one where there is none. Errors: PB_IO, PB_FORMAT (not a catalogue),
 * PB_MEMORY. */
pb_status pb_catalogue_open(pb_catalogue **out, const char *path, pb_error *error);
void pb_catalogue_close(pb_catalogue *catalogue);

/* The key of a specification: SHA-256 of it as compact JSON with sorted keys. */
pb_key pb_catalogue_key(const json_t *spec);

/* The file of an item, whether it is there or not; pb_free. NULL when there is no memory. */
char *pb_catalogue_path(const pb_catalogue *catalogue, const pb_key *key, const char *ending);

typedef enum pb_claim {
    PB_CLAIM_DONE, /* the item is there */
    PB_CLAIM_MINE, /* it is not, and the caller computes it: pb_catalogue_finish or _release */
    PB_CLAIM_BUSY  /* another process computes it */
} pb_claim;

/* Errors: PB_IO. */
pb_status pb_catalogue_claim(pb_catalogue *catalogue, const pb_key *key, const json_t *spec,
                             const char *ending, pb_claim *claim, pb_error *error);

/* The item's file is in place: done. Errors: PB_IO. */
pb_status pb_catalogue_finish(pb_catalogue *catalogue, const pb_key *key, double seconds,
                              pb_error *error);

/* Gives a claimed item back, unfinished. */
void pb_catalogue_release(pb_catalogue *catalogue, const pb_key *key);

/* Names what a study needs, in place of what it needed before. Errors: PB_IO. */
pb_status pb_catalogue_plan(pb_catalogue *catalogue, const char *study, size_t count,
                            const pb_key *keys, pb_error *error);

typedef struct pb_study_status {
    size_t wanted, done, running;
    double seconds; /* mean time of those of them that are done; NaN before any */
} pb_study_status;

/* Called for each study. */
typedef void (*pb_study_visitor)(void *context, const char *study, const pb_study_status *status);

/* How far the studies are; study: only that one, or NULL. Errors: PB_IO. */
pb_status pb_catalogue_visit(pb_catalogue *catalogue, const char *study, pb_study_visitor visit,
                             void *context, pb_error *error);

/* A small memory: the value kept for a text, or NULL (pb_free). Errors: PB_IO. */
pb_status pb_catalogue_recall(pb_catalogue *catalogue, const char *text, char **value,
                              pb_error *error);
pb_status pb_catalogue_remember(pb_catalogue *catalogue, const char *text, const char *value,
                                pb_error *error);

#endif
