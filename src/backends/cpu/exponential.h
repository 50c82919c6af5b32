/* exp for loops that the compiler vectorises, which a call to the C library would prevent. */
#ifndef PB_CPU_EXPONENTIAL_H
#define PB_CPU_EXPONENTIAL_H

#include <stdint.h>
#include <string.h>

/* exp(x) to 2 units in the last place: x = n log 2 + r, |r| <= log(2)/2, exp(r) by its Taylor
 * polynomial of degree 7, and n added to the exponent. x is clamped to [-87, 88]: the result is
 * always normal. A NaN stays one. */
static inline float pb_expf(float x)
{
    const float high = 0.693359375f, low = -2.12194440e-4f; /* log 2 in two parts */
    float clamped = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    float n = __builtin_rintf(clamped * 1.44269504f);
    float r = (clamped - n * high) - n * low;
    float p = 1.0f / 5040.0f;
    int32_t bits;

    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    bits = ((int32_t)(n == n ? n : 0.0f) + 127) * (1 << 23);
    memcpy(&n, &bits, sizeof n);
    return p * n;
}

#endif
