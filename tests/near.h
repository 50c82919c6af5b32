/* How far numbers lie from what is expected of them. What is not finite, on either side, is near
 * nothing: the result is a NaN, with which every comparison fails. */
#ifndef NEAR_H
#define NEAR_H

#include <stddef.h>

/* The larger of two numbers; NaN where either is. (fmax loses it.) */
double larger(double a, double b);

typedef struct distance {
    double largest_error; /* |found - expected| */
    double largest;       /* |expected| */
} distance;

/* Of count numbers; NaN and NaN where one of them is not finite, or where there is none. */
distance distance_of(const float *found, const double *expected, size_t count);

/* The largest |found - expected|, divided by the largest |expected|: NaN where nothing is to be
 * compared, as where only zeros are expected and found. */
double relative_error(const float *found, const float *expected, size_t count);

#endif
