/* Means with confidence intervals. */
#ifndef PB_STUDY_STATISTICS_H
#define PB_STUDY_STATISTICS_H

#include <stddef.h>

#include "base/error.h"

typedef struct pb_estimate {
    double value, low, high; /* the mean and its 95 % interval; NaN where there is none */
    size_t count;            /* independent samples behind it */
} pb_estimate;

/* The mean of n independent values, with Student's interval. */
pb_estimate pb_mean_of(size_t n, const double *values);

/* The mean of d(i, j) over all pairs i < j of n samples; d: n x n, symmetric. Pairs that share a
 * sample are not independent: the interval is the jackknife's over samples (Efron & Stein 1981). */
pb_estimate pb_mean_of_pairs(size_t n, const double *d);

/* Spearman's rank correlation of x(i, j) and y(i, j) over all pairs i < j of n items for which both
 * are numbers; n x n, symmetric. Its interval is the jackknife's over items. NaN: fewer than 3
 * pairs, or one of them constant. Errors: PB_MEMORY. */
pb_status pb_rank_correlation(pb_estimate *estimate, size_t n, const double *x, const double *y,
                              pb_error *error);

#endif
