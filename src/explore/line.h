/* Work that takes time: jobs in a line, done one after the other by a thread of its own, each with
 * its progress, and each can be cancelled. */
#ifndef PB_EXPLORE_LINE_H
#define PB_EXPLORE_LINE_H

#include <jansson.h>

#include <pullback/run.h>

#include "base/error.h"

typedef struct pb_line pb_line;

/* What is to be done. `work` is called by the line's thread with the context; *result is the
 * line's, an object or NULL. `release` is called once, whatever becomes of the job. */
typedef struct pb_job {
    unsigned long tab; /* whose it is */
    const char *kind;  /* static: "find" */
    int newest;        /* it takes the place of those of its tab and kind that have not ended */
    pb_status (*work)(void *context, json_t **result, const pb_run *run, pb_error *error);
    void (*release)(void *context);
    void *context;
} pb_job;

/* Hears of each change of a job, in no particular thread: {"job", "tab", "kind", "state", "task",
 * "done", "total", "left", "error", "result"} (borrowed); ended: it was the last one; forgotten:
 * the job is NULL, and there is no such job from now on. It must not call the line. */
typedef void pb_line_told(void *context, unsigned long id, const json_t *job, int ended);

/* run: memory and threads of the work. *line is ended with pb_line_end. Errors: PB_MEMORY. */
pb_status pb_line_begin(pb_line **line, const pb_run *run, pb_line_told *told, void *context,
                        pb_error *error);

/* Cancels all, waits for the one at work, and takes no more; frees it. NULL is nothing. */
void pb_line_stop(pb_line *line);
void pb_line_end(pb_line *line);

/* Adds a job; its number, or 0 (it is released): too many wait already. */
unsigned long pb_line_add(pb_line *line, const pb_job *job);

/* A job as it is, a new reference; NULL: there is none, or no more. */
json_t *pb_line_job(pb_line *line, unsigned long id);

/* The number of a tab's job that has not ended, or 0. */
unsigned long pb_line_of_tab(pb_line *line, unsigned long tab);

/* Cancels a job; all of a tab that have not ended. One at work ends within an evaluation of the
 * network. */
void pb_line_cancel(pb_line *line, unsigned long id);
void pb_line_cancel_tab(pb_line *line, unsigned long tab);

#endif
