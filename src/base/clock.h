/* A clock that only moves forward. */
#ifndef PB_BASE_CLOCK_H
#define PB_BASE_CLOCK_H

#include <time.h>

/* Seconds since some fixed moment. */
static inline double pb_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
