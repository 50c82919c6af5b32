/* The trajectory of a sample: its x_t at the timesteps of a plan. */
#ifndef PB_STUDY_TRAJECTORY_H
#define PB_STUDY_TRAJECTORY_H

#include "study/plan.h"

/* Computes the points x at the plan's timesteps and, last, x_T: (P + 1,c,h,w). *points must be
 * empty. progress may cancel. Errors: the image's, DDIM's. */
pb_status pb_trajectory_compute(pb_study_plan *plan, size_t model, size_t sample, pb_tensor *points,
                                pb_progress progress, void *context, pb_error *error);

#endif
