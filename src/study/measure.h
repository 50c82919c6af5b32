/* What a study measures on its bases. Every function adds rows to the table.
 *
 * quantities: "power" (index: frequency, cycles per pixel, the middle of its band), "centroid"
 * (mean frequency), "sigma" (index), "effective_rank"; "distance" (t, t2), "lag" (index: |t - t2|)
 * and "among" (t; between samples), all geodesic distances divided by the largest possible;
 * "random" (of random spaces), "loss" (held out). Of prompts, at each t: "prompted" (distance from
 * the space under the empty prompt), "among_prompts", "pair" (index: the cosine of the two prompts'
 * hidden states) and "pair_overlap" (index: their overlap of attributes), one row for each pair,
 * and the rank correlations "correlation" and "correlation_overlap" of likeness and distance. */
#ifndef PB_STUDY_MEASURE_H
#define PB_STUDY_MEASURE_H

#include "study/plan.h"
#include "study/table.h"

#define PB_POWER_BANDS 16 /* of [0, 1/2] cycles per pixel */

/* Power of V by frequency, singular values, effective rank, at each t: means over samples. */
pb_status pb_measure_spectra(const pb_study_plan *plan, size_t model, pb_table *table,
                             pb_error *error);

/* Distances between the spaces of one sample at two timesteps: means over samples. */
pb_status pb_measure_timesteps(const pb_study_plan *plan, size_t model, pb_table *table,
                               pb_error *error);

/* Mean distances between samples at each t. */
pb_status pb_measure_samples(const pb_study_plan *plan, size_t model, pb_table *table,
                             pb_error *error);

/* Of a study of prompts, whose first condition is the empty prompt; distances are means over
 * samples, intervals are over prompts. */
pb_status pb_measure_prompts(const pb_study_plan *plan, size_t model, pb_table *table,
                             pb_error *error);

/* The distance of random spaces of the same dimensions, and the model's held-out loss if known. */
pb_status pb_measure_baseline(const pb_study_plan *plan, size_t model, pb_table *table,
                              pb_error *error);

#endif
