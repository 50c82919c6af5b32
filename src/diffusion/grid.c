#include <pullback/diffusion.h>

#include <math.h>
#include <stdint.h>

#define NEAR 1e-3 /* of a grid point's time */

double pb_grid_time(size_t T, size_t S, size_t i)
{
    return S < 2 || T < 1 ? 0 : (double)i * (double)(T - 1) / (double)(S - 1);
}

size_t pb_grid_index(size_t T, size_t S, size_t i)
{
    return S < 2 || T < 1 ? 0 : i * (T - 1) / (S - 1);
}

size_t pb_grid_nearest(size_t T, size_t S, double fraction)
{
    if (S < 2 || T < 2)
        return 0;
    double position = fraction * (double)T * (double)(S - 1) / (double)(T - 1);
    double nearest = floor(position + 0.5);

    if (!(nearest > 0))
        return 0;
    return nearest < (double)(S - 1) ? (size_t)nearest : S - 1;
}

/* Begins where the first such point can be: a grid may have more points than can be walked. */
size_t pb_grid_of(size_t T, size_t S, double time)
{
    double first;

    if (S < 2 || T < 2)
        return S && fabs(time) < NEAR ? 0 : SIZE_MAX;
    if (!(time > -1 && time < (double)T))
        return SIZE_MAX;
    first = floor((time - NEAR) * (double)(S - 1) / (double)(T - 1)) - 2;
    for (size_t i = !(first > 0)              ? 0
                    : first < (double)(S - 1) ? (size_t)first
                                              : S - 1;
         i < S; i++) {
        double beyond = pb_grid_time(T, S, i) - time;
        if (fabs(beyond) < NEAR)
            return i;
        if (beyond > 0)
            break;
    }
    return SIZE_MAX;
}
