#include "study/statistics.h"

#include <math.h>

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

static pb_estimate interval(size_t n, double mean, double error)
{
    double half = n > 1 ? student(n - 1) * error : NAN;

    return (pb_estimate){mean, mean - half, mean + half, n};
}

pb_estimate pb_mean_of(size_t n, const double *values)
{
    double sum = 0, square = 0, mean;

    for (size_t i = 0; i < n; i++)
        sum += values[i];
    mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        square += (values[i] - mean) * (values[i] - mean);
    return interval(n, mean, n > 1 ? sqrt(square / ((double)(n - 1) * (double)n)) : NAN);
}

pb_estimate pb_mean_of_pairs(size_t n, const double *d)
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
    return interval(n, all / pairs, sqrt((double)(n - 1) / (double)n * square));
}
