/* Where items are kept that were computed once, each a file, found by its key. A store is a table
 * of functions, so that another can stand in; the one of the program is store/catalogue.h.
 *
 * Several processes, and threads with a store opened by each, may share one. Who computes an item
 * has claimed it: nobody else gets it until it is finished or released, which the end of a process
 * is too. */
#ifndef PB_STUDY_STORE_STORE_H
#define PB_STUDY_STORE_STORE_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "study/plan/key.h"

typedef struct pb_store pb_store;

typedef enum pb_claim {
    PB_CLAIM_DONE, /* the item is there */
    PB_CLAIM_MINE, /* it is not, and the caller computes it: pb_store_finish or _release */
    PB_CLAIM_LOST, /* the same; it was done once, and its file is gone */
    PB_CLAIM_BUSY  /* somebody else computes it */
} pb_claim;

typedef struct pb_study_status {
    size_t wanted, done, running;
    double seconds; /* mean time of those of them that are done; NaN before any */
} pb_study_status;

/* Called for each study. */
typedef void (*pb_study_visitor)(void *context, const char *study, const pb_study_status *status);

/* Errors of all of them: PB_IO, PB_FORMAT, PB_MEMORY. */
typedef struct pb_store_functions {
    void (*close)(pb_store *store);

    /* The file of an item, whether it is there or not; pb_free. NULL when there is no memory. Who
     * computes it writes it there, whole or not at all. */
    char *(*path)(const pb_store *store, const pb_key *key, const char *ending);

    /* doubted: the file was found damaged: it is claimed although it is done, and looked at again
     * before it is computed, since somebody else may have mended it. */
    pb_status (*claim)(pb_store *store, const pb_key *key, const json_t *spec, const char *ending,
                       int doubted, pb_claim *claim, pb_error *error);

    /* The claimed item's file is in place: done, as it is now. */
    pb_status (*finish)(pb_store *store, const pb_key *key, const char *ending, double seconds,
                        pb_error *error);

    /* Gives a claimed item back as it is. */
    void (*release)(pb_store *store, const pb_key *key);

    /* Is the file of an item that is done the one that was finished? What the store does not know,
     * it takes to be. Errors: PB_IO (it is gone), PB_FORMAT (it is another). */
    pb_status (*check)(pb_store *store, const pb_key *key, const char *ending, pb_error *error);

    /* Names what a study needs, in place of what it needed before. */
    pb_status (*plan)(pb_store *store, const char *study, size_t count, const pb_key *keys,
                      pb_error *error);

    /* How far the studies are; study: only that one, or NULL. */
    pb_status (*visit)(pb_store *store, const char *study, pb_study_visitor visit, void *context,
                       pb_error *error);

    /* A small memory: the value kept for a text, or NULL (pb_free). */
    pb_status (*recall)(pb_store *store, const char *text, char **value, pb_error *error);
    pb_status (*remember)(pb_store *store, const char *text, const char *value, pb_error *error);
} pb_store_functions;

/* The head of every store. */
struct pb_store {
    const pb_store_functions *functions;
};

/* Opens a store by its name. make: makes one where there is none; else *store is then NULL. */
typedef pb_status (*pb_store_opener)(pb_store **store, const char *name, int make, pb_error *error);

/* A store's functions. NULL may be closed. */
void pb_store_close(pb_store *store);
char *pb_store_path(const pb_store *store, const pb_key *key, const char *ending);
pb_status pb_store_claim(pb_store *store, const pb_key *key, const json_t *spec, const char *ending,
                         int doubted, pb_claim *claim, pb_error *error);
pb_status pb_store_finish(pb_store *store, const pb_key *key, const char *ending, double seconds,
                          pb_error *error);
void pb_store_release(pb_store *store, const pb_key *key);
pb_status pb_store_check(pb_store *store, const pb_key *key, const char *ending, pb_error *error);
pb_status pb_store_plan(pb_store *store, const char *study, size_t count, const pb_key *keys,
                        pb_error *error);
pb_status pb_store_visit(pb_store *store, const char *study, pb_study_visitor visit, void *context,
                         pb_error *error);
pb_status pb_store_recall(pb_store *store, const char *text, char **value, pb_error *error);
pb_status pb_store_remember(pb_store *store, const char *text, const char *value, pb_error *error);

#endif
