#include "backends/cpu/bfloat.h"

#include <string.h>

#include "backends/cpu/parallel.h"
#include "base/vector.h"

bool pb_bfloat_native(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

/* The bits of x rounded to the upper half; what is not finite stays what it is: of a NaN a bit is
 * left in that half. */
static inline uint32_t rounded(uint32_t bits)
{
    uint32_t even = bits >> 16 & 1, nan = (bits & 0x7FFFFFu) ? 0x400000u : 0;

    return (bits & 0x7F800000u) == 0x7F800000u ? bits | nan : bits + 0x7FFFu + even;
}

PB_VECTOR static void pack_strip(size_t count, const float *restrict x, uint16_t *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        out[i] = (uint16_t)(rounded(bits) >> 16);
    }
}

PB_VECTOR static void round_strip(size_t count, const float *x, float *out)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits = rounded(bits) & 0xFFFF0000u;
        memcpy(out + i, &bits, sizeof bits);
    }
}

void pb_bfloat_pack(size_t count, const float *x, uint16_t *out)
{
#pragma omp parallel for
    for (size_t i = 0; i < count; i += PB_STRIP)
        pack_strip(count - i < PB_STRIP ? count - i : PB_STRIP, x + i, out + i);
}

void pb_bfloat_round(size_t count, const float *x, float *out)
{
#pragma omp parallel for
    for (size_t i = 0; i < count; i += PB_STRIP)
        round_strip(count - i < PB_STRIP ? count - i : PB_STRIP, x + i, out + i);
}
