/* Computes what the catalogue lacks of a plan. */
#ifndef PB_STUDY_RUN_H
#define PB_STUDY_RUN_H

#include "study/plan.h"

/* Items that another process computes are waited for. Errors: PB_CANCELLED (the monitor), those of
 * what is computed. */
pb_status pb_study_compute(pb_study_plan *plan, const pb_study_monitor *monitor,
                           pb_study_progress *progress, pb_error *error);

#endif
