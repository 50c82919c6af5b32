#include "geometry/random.h"

#include <math.h>

/* splitmix64 (Steele, Lea & Flood 2014) */
double pb_uniform(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

void pb_normal(uint64_t *state, size_t count, double *x)
{
    for (size_t i = 0; i < count; i++) {
        double radius = sqrt(-2 * log1p(-pb_uniform(state)));
        x[i] = radius * cos(2 * M_PI * pb_uniform(state));
    }
}
