/* A task that is done under a pb_run: how far it is, and whether it may go on. */
#ifndef PB_BASE_RUN_H
#define PB_BASE_RUN_H

#include <pullback/run.h>
#include <pullback/svd.h>

#include "base/stop.h"

/* Bytes to work in where a run does not say. */
#define PB_DEFAULT_MEMORY ((size_t)2 << 30)

/* More threads than any machine has. */
#define PB_MOST_THREADS 4096

typedef struct pb_work {
    pb_run run;           /* the caller's, with its memory filled in */
    pb_progress progress; /* the last; every question hands it over */
    pb_svd_progress svd;  /* what that points to, where it does */
    int threads;          /* that the calling thread had before; 0: they are not changed */
} pb_work;

/* Copies a run (NULL: the defaults) and fills in its memory. Errors: PB_INVALID (threads below 0 or
 * beyond PB_MOST_THREADS). */
pb_status pb_run_take(pb_run *out, const pb_run *run, pb_error *error);

/* Begins a task of `total` steps, 0: they are not counted; from here to pb_work_end the calling
 * thread has the run's number of threads. *work stays where it is until then. Errors: PB_INVALID,
 * after which there is nothing to end. */
pb_status pb_work_begin(pb_work *work, const pb_run *run, const char *task, size_t total,
                        pb_error *error);
void pb_work_end(pb_work *work);

/* So many steps are done; so far is an SVD; nothing new. Each asks. Errors: PB_CANCELLED. */
pb_status pb_work_step(pb_work *work, size_t done, pb_error *error);
pb_status pb_work_svd(pb_work *work, const pb_svd_progress *svd, pb_error *error);
pb_status pb_work_ask(pb_work *work, pb_error *error);

/* The same question for a plan. Valid as long as the work. */
pb_stop pb_work_stop(pb_work *work);

/* A run for a part of the task, by a function that takes one: whoever watches hears of the task
 * itself, and of the part what an SVD tells, while there is one. Valid as long as the work. */
pb_run pb_work_part(pb_work *work);

#endif
