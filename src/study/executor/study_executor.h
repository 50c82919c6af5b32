/* Executors: who computes what the store lacks of a plan. Each is a file that fills in this table;
 * an item is made by the workshop, whoever asks for it. */
#ifndef PB_STUDY_EXECUTOR_STUDY_EXECUTOR_H
#define PB_STUDY_EXECUTOR_STUDY_EXECUTOR_H

#include "study/executor/workshop.h"

typedef struct pb_study_executor {
    /* Returns when all items of the plan are there. Errors: PB_CANCELLED, those of the workshop. */
    pb_status (*run)(pb_workshop *workshop, pb_error *error);

    /* Does this process measure, and write the report? Of several that are one study, one does.
     * NULL: it does. */
    int (*reports)(void);
} pb_study_executor;

/* One process, item by item; several of them share the work where they share a store: each takes
 * what no other has claimed, and waits, at the end, for what others still compute. */
extern const pb_study_executor pb_study_executor_here;

#endif
