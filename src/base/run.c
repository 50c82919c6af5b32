#include "base/run.h"

#include <omp.h>

void pb_run_init(pb_run *run)
{
    if (run)
        *run = PB_RUN_DEFAULTS;
}

pb_status pb_run_take(pb_run *out, const pb_run *run, pb_error *error)
{
    *out = run ? *run : PB_RUN_DEFAULTS;
    if (out->threads < 0 || out->threads > PB_MOST_THREADS)
        return pb_fail(error, PB_INVALID, "a run with %d threads: expected 1 to %d, or 0 for all",
                       out->threads, PB_MOST_THREADS);
    if (out->memory == 0)
        out->memory = PB_DEFAULT_MEMORY;
    return PB_OK;
}

pb_status pb_work_begin(pb_work *work, const pb_run *run, const char *task, size_t total,
                        pb_error *error)
{
    *work = (pb_work){.progress = {.task = task, .total = total}};
    PB_TRY(pb_run_take(&work->run, run, error));
    if (work->run.threads) {
        work->threads = omp_get_max_threads();
        omp_set_num_threads(work->run.threads);
    }
    return PB_OK;
}

static int hear(void *context, const pb_progress *part);

/* An SVD that has ended is no longer that of the tasks it was a part of. */
static void forget_svd(pb_work *work)
{
    for (; work && work->progress.svd; work = work->run.monitor == hear ? work->run.context : NULL)
        work->progress.svd = NULL;
}

void pb_work_end(pb_work *work)
{
    if (work->threads)
        omp_set_num_threads(work->threads);
    forget_svd(work);
}

/* -- questions ------------------------------------------------------------------------------- */

static int asked(void *context)
{
    const pb_work *work = context;

    return work->run.monitor && work->run.monitor(work->run.context, &work->progress);
}

pb_stop pb_work_stop(pb_work *work)
{
    return (pb_stop){asked, work};
}

pb_status pb_work_ask(pb_work *work, pb_error *error)
{
    const pb_stop stop = pb_work_stop(work);

    return pb_stop_check(&stop, error);
}

pb_status pb_work_step(pb_work *work, size_t done, pb_error *error)
{
    work->progress.done = done;
    return pb_work_ask(work, error);
}

static void note_svd(pb_work *work, const pb_svd_progress *svd)
{
    work->svd = *svd;
    work->progress.svd = &work->svd;
}

pb_status pb_work_svd(pb_work *work, const pb_svd_progress *svd, pb_error *error)
{
    note_svd(work, svd);
    return pb_work_ask(work, error);
}

/* -- parts ----------------------------------------------------------------------------------- */

/* What a part tells: an SVD's progress is the task's too, until that ends (the operators that it
 * applies are parts as well, and know of none). */
static int hear(void *context, const pb_progress *part)
{
    pb_work *work = context;

    if (part->svd)
        note_svd(work, part->svd);
    return asked(work);
}

static void pass_warning(void *context, const char *text)
{
    const pb_work *work = context;

    work->run.warn(work->run.context, text);
}

pb_run pb_work_part(pb_work *work)
{
    return (pb_run){.monitor = work->run.monitor ? hear : NULL,
                    .warn = work->run.warn ? pass_warning : NULL,
                    .context = work,
                    .memory = work->run.memory};
}
