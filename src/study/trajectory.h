/* The trajectory of a sample: its x_t at the timesteps of a plan. */
#ifndef PB_STUDY_TRAJECTORY_H
#define PB_STUDY_TRAJECTORY_H

#include "study/plan.h"

/* Reads the points that pb_trajectory_compute made. *points must be empty. Errors: those of
 * pb_npy_read; PB_INVALID (another shape). */
pb_status pb_trajectory_read(const pb_study_plan *plan, size_t model, const char *path,
                             pb_tensor *points, pb_error *error);

/* Computes the points x at the plan's timesteps and, last, x_T: (P + 1,c,h,w). *points must be
 * empty. Errors: the image's, DDIM's. */
pb_status pb_trajectory_compute(pb_study_plan *plan, size_t model, size_t sample, pb_tensor *points,
                                const pb_run *run, pb_error *error);

/* Is every image there, and one that the models take? Reads them all. Errors: theirs. */
pb_status pb_trajectory_check(pb_study_plan *plan, pb_error *error);

/* The grid point of options->boost; SIZE_MAX: no step is stochastic. */
size_t pb_trajectory_boost(const pb_study_plan *plan, size_t model);

/* The picture (1,c,h,w) of a drawn sample: from x_T down to t_0 by steps that are stochastic, with
 * noise of the sample's seed, from options->boost on; decoded, where the model is one of latents
 * with an autoencoder. What `sample --seed S -n 1 --boost B` draws. *picture must be empty. */
pb_status pb_trajectory_draw(pb_study_plan *plan, size_t model, size_t sample, pb_tensor *picture,
                             const pb_run *run, pb_error *error);

#endif
