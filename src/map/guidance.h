/* Classifier-free guidance (Ho & Salimans 2021) of what a network predicts. */
#ifndef PB_MAP_GUIDANCE_H
#define PB_MAP_GUIDANCE_H

#include <stddef.h>

/* out <- without + scale (out - without), for count numbers: `without` under the condition that is
 * led away from, out under the other. */
static inline void pb_guided(size_t count, double scale, const float *without, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = without[i] + (float)scale * (out[i] - without[i]);
}

#endif
