/* What a study measures on its bases. Rows of a table.
 *
 * quantities: "power" (index: frequency, cycles per pixel, the middle of its band), "centroid"
 * (mean frequency), "sigma" (index), "effective_rank"; "distance" (t, t2), "lag" (index: |t - t2|)
 * and "among" (t; between samples), all geodesic distances divided by the largest possible;
 * "random" (of random spaces), "loss" (held out). Of prompts, at each t: "prompted" (distance from
 * the space under the empty prompt), "among_prompts", "pair" (index: the cosine of the two prompts'
 * hidden states) and "pair_overlap" (index: their overlap of attributes), one row for each pair,
 * and the rank correlations "correlation" and "correlation_overlap" of likeness and distance. */
#ifndef PB_STUDY_MEASURES_MEASURE_H
#define PB_STUDY_MEASURES_MEASURE_H

#include "study/executor/workshop.h"
#include "study/measures/table.h"

#define PB_POWER_BANDS 16 /* of [0, 1/2] cycles per pixel */

/* Adds the rows of a study to the table. Errors: those of reading bases, PB_NUMERIC. */
pb_status pb_study_measure(pb_workshop *workshop, pb_table *table, pb_error *error);

#endif
