#include <pullback/diffusion.h>

#include <math.h>
#include <stdint.h>

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

size_t pb_grid_of(size_t T, size_t S, double time)
{
    for (size_t i = 0; i < S; i++)
        if (fabs(pb_grid_time(T, S, i) - time) < 1e-3)
            return i;
    return SIZE_MAX;
}
