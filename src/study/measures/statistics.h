/* Means with confidence intervals.
 *
 * What is bounded has an interval within its bounds. It is Student's on a scale without bounds, g,
 * and taken back: g^-1(g(m) +- t s g'(m)) for the value m, its standard error s, and t with n - 1
 * degrees of freedom (to three decimals up to 14 of them; beyond, at most 0.7 % too small). g is
 * the logit of (m - low)/(high - low); where only `low` is finite the logarithm of m - low; of a
 * correlation, low = -1 and high = 1, the logit is twice Fisher's z (Fisher 1921). The value itself
 * is the mean of the values as they are. (Transformed before an interval is taken: Miller 1974,
 * "The jackknife - a review"; Efron & Tibshirani 1993, section 12.6.) For skewed values near a
 * bound such an interval also holds the mean more often than the plain one. Fewer than
 * PB_INTERVAL_LEAST samples say too little of their spread: no interval. */
#ifndef PB_STUDY_MEASURES_STATISTICS_H
#define PB_STUDY_MEASURES_STATISTICS_H

#include <stddef.h>

#include "base/error.h"

#define PB_INTERVAL_LEAST 4

/* What a quantity can be. Either may be infinite, `high` where low is finite, or both. */
typedef struct pb_bounds {
    double low, high;
} pb_bounds;

#define PB_SHARE ((pb_bounds){0, 1})

typedef struct pb_estimate {
    double value, low, high; /* the mean and its 95 % interval; NaN where there is none */
    size_t count;            /* independent samples behind it */
} pb_estimate;

/* The interval of a value within its bounds from its standard error over n samples; where all of
 * them agree (error 0) it is the value; none where the value lies on a bound and they do not. */
pb_estimate pb_interval(size_t n, double value, double error, pb_bounds bounds);

/* The mean of n independent values. */
pb_estimate pb_mean_of(size_t n, const double *values, pb_bounds bounds);

/* The mean of d(i, j) over all pairs i < j of n samples; d: n x n, symmetric. Pairs that share a
 * sample are not independent: the error is the jackknife's over samples (Efron & Stein 1981). */
pb_estimate pb_mean_of_pairs(size_t n, const double *d, pb_bounds bounds);

/* Spearman's rank correlation of x(i, j) and y(i, j) over all pairs i < j of n items for which both
 * are numbers; n x n, symmetric. Its error is the jackknife's over items. NaN: fewer than 3
 * pairs, or one of them constant. No interval where it is 1 or -1, or where it has no value without
 * one of the items. Errors: PB_MEMORY. */
pb_status pb_rank_correlation(pb_estimate *estimate, size_t n, const double *x, const double *y,
                              pb_error *error);

#endif
