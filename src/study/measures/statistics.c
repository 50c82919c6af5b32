#include "study/measures/statistics.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"

/* The 97.5 % quantile of Student's t, by its table and, beyond, the first terms of its expansion.
 */
static double student(size_t freedom)
{
    static const double table[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365,
                                   2.306,  2.262, 2.228, 2.201, 2.179, 2.160, 2.145};
    double z = 1.959964;

    if (freedom == 0)
        return NAN;
    if (freedom <= sizeof table / sizeof *table)
        return table[freedom - 1];
    return z + (z * z * z + z) / (4 * (double)freedom);
}

/* The scale without bounds, its slope, and the way back. */
static double stretch(double x, pb_bounds b)
{
    if (isinf(b.low))
        return x;
    return isinf(b.high) ? log(x - b.low) : log((x - b.low) / (b.high - x));
}

static double slope(double x, pb_bounds b)
{
    if (isinf(b.low))
        return 1;
    return 1 / (x - b.low) + (isinf(b.high) ? 0 : 1 / (b.high - x));
}

static double shrink(double y, pb_bounds b)
{
    if (isinf(b.low))
        return y;
    return isinf(b.high) ? b.low + exp(y) : b.low + (b.high - b.low) / (1 + exp(-y));
}

pb_estimate pb_interval(size_t n, double value, double error, pb_bounds bounds)
{
    pb_estimate e = {value, NAN, NAN, n};
    double middle, half;

    if (n < PB_INTERVAL_LEAST || isnan(value) || isnan(error))
        return e;
    if (error == 0) {
        e.low = e.high = value;
        return e;
    }
    if (!(value > bounds.low && value < bounds.high))
        return e;
    middle = stretch(value, bounds);
    half = student(n - 1) * error * slope(value, bounds);
    e.low = shrink(middle - half, bounds);
    e.high = shrink(middle + half, bounds);
    return e;
}

pb_estimate pb_mean_of(size_t n, const double *values, pb_bounds bounds)
{
    double sum = 0, square = 0, mean;

    for (size_t i = 0; i < n; i++)
        sum += values[i];
    mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        square += (values[i] - mean) * (values[i] - mean);
    return pb_interval(n, mean, n > 1 ? sqrt(square / ((double)(n - 1) * (double)n)) : NAN, bounds);
}

pb_estimate pb_mean_of_pairs(size_t n, const double *d, pb_bounds bounds)
{
    double all = 0, pairs = (double)n * (double)(n - 1) / 2, square = 0;
    double fewer = (double)(n - 1) * (double)(n - 2) / 2, centre = 0;

    if (n < 2)
        return (pb_estimate){NAN, NAN, NAN, n};
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            all += d[i * n + j];
    if (n < 3)
        return (pb_estimate){all / pairs, NAN, NAN, n};
    for (int pass = 0; pass < 2;
         pass++) /* the mean of the means without one sample, then squares */
        for (size_t i = 0; i < n; i++) {
            double own = 0, without;
            for (size_t j = 0; j < n; j++)
                own += j == i ? 0 : d[i * n + j];
            without = (all - own) / fewer;
            if (pass == 0)
                centre += without / (double)n;
            else
                square += (without - centre) * (without - centre);
        }
    return pb_interval(n, all / pairs, sqrt((double)(n - 1) / (double)n * square), bounds);
}

/* -- rank correlation -------------------------------------------------------------------------- */

typedef struct ranked {
    double value, rank;
    size_t place;
} ranked;

static int by_value(const void *a, const void *b)
{
    double x = ((const ranked *)a)->value, y = ((const ranked *)b)->value;

    return (x > y) - (x < y);
}

static int by_place(const void *a, const void *b)
{
    size_t x = ((const ranked *)a)->place, y = ((const ranked *)b)->place;

    return (x > y) - (x < y);
}

/* Ranks in the order of place; equal values share their mean rank. */
static void rank_all(ranked *r, size_t count)
{
    qsort(r, count, sizeof *r, by_value);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && r[end].value == r[i].value;)
            end++;
        for (size_t k = i; k < end; k++)
            r[k].rank = (double)(i + end - 1) / 2;
    }
    qsort(r, count, sizeof *r, by_place);
}

/* Over the pairs that do not hold item `without`. a, b: room for all pairs. */
static double correlate(size_t n, const double *x, const double *y, size_t without, ranked *a,
                        ranked *b)
{
    double mean, ab = 0, aa = 0, bb = 0;
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            double u = x[i * n + j], v = y[i * n + j];
            if (i == without || j == without || isnan(u) || isnan(v))
                continue;
            a[count] = (ranked){.value = u, .place = count};
            b[count] = (ranked){.value = v, .place = count};
            count++;
        }
    if (count < 3)
        return NAN;
    rank_all(a, count);
    rank_all(b, count);
    mean = (double)(count - 1) / 2;
    for (size_t i = 0; i < count; i++) {
        double u = a[i].rank - mean, v = b[i].rank - mean;
        ab += u * v;
        aa += u * u;
        bb += v * v;
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : NAN;
}

pb_status pb_rank_correlation(pb_estimate *estimate, size_t n, const double *x, const double *y,
                              pb_error *error)
{
    size_t pairs = n < 2 ? 1 : n * (n - 1) / 2;
    ranked *a = pb_malloc(pairs, sizeof *a), *b = pb_malloc(pairs, sizeof *b);
    double *without = pb_malloc(n ? n : 1, sizeof *without), centre = 0, square = 0, all;
    pb_status status = PB_OK;

    if (!a || !b || !without)
        status = pb_fail_memory(error, pairs * sizeof *a, "a correlation");
    else {
        all = correlate(n, x, y, SIZE_MAX, a, b);
        for (size_t i = 0; i < n; i++)
            centre += (without[i] = correlate(n, x, y, i, a, b)) / (double)n;
        for (size_t i = 0; i < n; i++)
            square += (without[i] - centre) * (without[i] - centre);
        *estimate =
            pb_interval(n, all, sqrt((double)(n - 1) / (double)n * square), (pb_bounds){-1, 1});
        if (fabs(all) > 1 - 1e-12) /* whatever is left out, it is 1: that says nothing of errors */
            estimate->low = estimate->high = NAN;
    }
    pb_free(a);
    pb_free(b);
    pb_free(without);
    return status;
}
