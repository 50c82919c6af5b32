#include "near.h"

#include <math.h>

double larger(double a, double b)
{
    return isnan(a) || a > b ? a : b;
}

static void take(distance *d, double found, double expected)
{
    d->largest_error = larger(d->largest_error, fabs(found - expected));
    d->largest = larger(d->largest, fabs(expected));
}

/* An infinite number among them makes the error infinite, or NaN: both become NaN. */
static distance settle(distance d, size_t count)
{
    return count && isfinite(d.largest_error) ? d : (distance){NAN, NAN};
}

distance distance_of(const float *found, const double *expected, size_t count)
{
    distance d = {0, 0};

    for (size_t i = 0; i < count; i++)
        take(&d, (double)found[i], expected[i]);
    return settle(d, count);
}

double relative_error(const float *found, const float *expected, size_t count)
{
    distance d = {0, 0};

    for (size_t i = 0; i < count; i++)
        take(&d, (double)found[i], (double)expected[i]);
    d = settle(d, count);
    return d.largest_error / d.largest;
}
