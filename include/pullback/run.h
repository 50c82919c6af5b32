/* How work is done, not what: the memory and the threads it may take, how it tells how far it is
 * and of what is odd, and how it is stopped. Whatever takes long takes a pb_run; NULL: the
 * defaults, and nobody is told anything. Runs are independent of each other, also those of two
 * threads on one model: what one computes, to the last bit, follows from what it is given, its
 * memory and its threads. What they share are weights in the layouts that kernels read, which a
 * model keeps: of each of its networks at most as much as the largest memory of a run.
 *
 *     static int show(void *context, const pb_progress *p)
 *     {
 *         static size_t last;
 *         if (p->total && p->done != last)                 // it is asked far more often
 *             fprintf(stderr, "%s %zu/%zu\n", p->task, last = p->done, p->total);
 *         return button_was_pressed() || time(NULL) > deadline;
 *     }
 *
 *     pb_run run = PB_RUN_DEFAULTS;
 *     run.monitor = show;
 */
#ifndef PULLBACK_RUN_H
#define PULLBACK_RUN_H

#include <stddef.h>

#include <pullback/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pb_svd_progress; /* svd.h */

/* How far a task is. It is called what the function does that was called, not what that calls:
 *
 *     map.h        "evaluating", "linearising"; of its operators "J v", "J^T u"
 *     basis.h      "basis", "mean", "matching directions"
 *     svd.h        "basis", "verifying"
 *     operator.h   "least squares"
 *     space.h      "distances", "random spaces", "mean of spaces"
 *     compare.h    "comparing"
 *     diffusion.h  "sampling" (towards 0), "inverting"
 *     edit.h       "guiding", "re-linearising"
 *     latent.h     "encoding", "decoding"
 *     text.h       "embedding"
 *     model.h      "hashing"
 *     session.h    those, "moving", "moving to t" and "pre-images"; "decoding" is down to a
 * picture, of any model
 *
 * Later versions may have more. */
typedef struct pb_progress {
    const char *task;                  /* static storage, or the caller's own: see above */
    size_t done, total;                /* steps; total 0: they are not counted */
    const struct pb_svd_progress *svd; /* while the task computes an SVD, else NULL */
} pb_progress;

typedef struct pb_run {
    /* Called after every step, and between them before each operation of a network, thousands of
     * times a second, with the last one's progress; non-zero stops the work, within one operation
     * of a network, with PB_CANCELLED. What is whole by then is kept, where a function says so, as
     * those of bases do. Called from the thread that called the library only; it should be quick.
     * NULL: nobody asks, nobody stops. */
    int (*monitor)(void *context, const pb_progress *progress);

    /* What the caller should know although the work goes on: one line without a newline. Likewise.
     */
    void (*warn)(void *context, const char *text);

    void *context; /* of both */
    size_t memory; /* bytes to work in, beside the weights on disk; 0: 2 GiB */
    int threads;   /* 1 … 4096, while the call lasts; 0: as many as OpenMP has for the calling
                      thread (at first all that the process may use). Others are PB_INVALID */
} pb_run;

#define PB_RUN_DEFAULTS ((pb_run){.monitor = NULL})
PB_API void pb_run_init(pb_run *run);

#ifdef __cplusplus
}
#endif

#endif
