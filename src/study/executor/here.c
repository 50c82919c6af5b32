#include "study/executor/study_executor.h"

/* One pass over all items; *busy: how many others compute. */
static pb_status pass(pb_workshop *w, size_t *busy, pb_error *error)
{
    const pb_study_plan *p = w->plan;

    *busy = 0;
    w->progress->done = 0;
    for (size_t i = 0; i < p->count; i++) {
        int other;
        PB_TRY(pb_workshop_make(w, &p->items[i], &other, error));
        *busy += (size_t)other;
        w->progress->done += !other && !p->items[i].repeated;
        PB_TRY(pb_workshop_tell(w, error));
    }
    return PB_OK;
}

static pb_status run(pb_workshop *w, pb_error *error)
{
    size_t busy;

    PB_TRY(pass(w, &busy, error));
    while (busy) {
        PB_TRY(pb_workshop_wait(w, error));
        PB_TRY(pass(w, &busy, error));
    }
    return PB_OK;
}

const pb_study_executor pb_study_executor_here = {.run = run};
