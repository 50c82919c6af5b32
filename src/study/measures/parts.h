/* The parts of a study's measures. Every pb_measure_ function adds rows to the table. */
#ifndef PB_STUDY_MEASURES_PARTS_H
#define PB_STUDY_MEASURES_PARTS_H

#include "study/executor/workshop.h"
#include "study/measures/table.h"

/* Power of V by frequency, singular values, effective rank, at each t: means over samples. */
pb_status pb_measure_spectra(pb_workshop *workshop, size_t model, pb_table *table, pb_error *error);

/* Distances between the spaces of one sample at two timesteps: means over samples. */
pb_status pb_measure_timesteps(pb_workshop *workshop, size_t model, pb_table *table,
                               pb_error *error);

/* Mean distances between samples at each t. */
pb_status pb_measure_samples(pb_workshop *workshop, size_t model, pb_table *table, pb_error *error);

/* Of a study of prompts, whose first condition is the empty prompt; distances are means over
 * samples, intervals are over prompts. */
pb_status pb_measure_prompts(pb_workshop *workshop, size_t model, pb_table *table, pb_error *error);

/* -- what they share -----------------------------------------------------------------------------
 */

/* Zeros, for the values of all samples: what a mean is taken of; pb_free. NULL: no memory. */
double *pb_values_new(size_t count, pb_error *error);

/* The tangent space that a basis of the plan spans, in H or X. */
pb_status pb_item_space(pb_workshop *workshop, const pb_item *item, pb_space *space,
                        pb_error *error);

/* The normalised geodesic distances of n spaces: n x n; under the study's run. */
pb_status pb_all_distances(const pb_workshop *workshop, size_t n, const pb_space *spaces, double *d,
                           pb_error *error);

#endif
