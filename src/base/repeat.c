#include "base/repeat.h"

#include <stdlib.h>

#include "base/clock.h"

#define MOST_RUNS 1000

void pb_repeat_fill(size_t count, float *x)
{
    unsigned state = 1;

    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / (float)(1 << 23) - 1.0f;
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

pb_status pb_repeat(double *seconds, pb_repeated run, void *context, double budget, pb_error *error)
{
    double times[MOST_RUNS], all = 0;
    size_t runs = 0;

    PB_TRY(run(context, error));
    while (runs < 3 || (all < budget && runs < MOST_RUNS)) {
        double start = pb_seconds();
        PB_TRY(run(context, error));
        all += times[runs++] = pb_seconds() - start;
    }
    qsort(times, runs, sizeof *times, compare);
    *seconds = times[runs / 2];
    return PB_OK;
}
