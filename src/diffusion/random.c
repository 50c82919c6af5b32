/* Random numbers as PyTorch draws them on a CPU: MT19937 (Matsumoto & Nishimura 1998), and normal
 * numbers by Box & Muller. Fewer than 16 at once are drawn one by one in double precision, from
 * 53 random bits each, the second of a pair kept for the next call; 16 or more in groups of 16 in
 * float32, from 24 bits each. */
#include <pullback/diffusion.h>

#include <math.h>

#include "base/memory.h"

#define N 624
#define M 397
#define GROUP 16

struct pb_rng {
    uint32_t state[N];
    size_t next;
    int has_spare;
    double spare;
};

pb_status pb_rng_new(pb_rng **out, uint64_t seed, pb_error *error)
{
    pb_rng *rng;

    PB_OUT(out, "the generator");
    rng = pb_calloc(1, sizeof *rng);
    if (!rng)
        return pb_fail_memory(error, sizeof *rng, "a random number generator");
    rng->state[0] = (uint32_t)seed; /* PyTorch, too, takes the low 32 bits */
    for (uint32_t i = 1; i < N; i++)
        rng->state[i] = 1812433253u * (rng->state[i - 1] ^ rng->state[i - 1] >> 30) + i;
    rng->next = N;
    *out = rng;
    return PB_OK;
}

void pb_rng_free(pb_rng *rng)
{
    pb_free(rng);
}

static void refill(pb_rng *rng)
{
    uint32_t *s = rng->state;

    for (size_t i = 0; i < N; i++) {
        uint32_t y = (s[i] & 0x80000000u) | (s[(i + 1) % N] & 0x7fffffffu);
        s[i] = s[(i + M) % N] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    rng->next = 0;
}

static uint32_t random32(pb_rng *rng)
{
    uint32_t y;

    if (rng->next == N)
        refill(rng);
    y = rng->state[rng->next++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

static float uniform24(pb_rng *rng)
{
    return (float)(random32(rng) & 0xffffffu) * 0x1p-24f;
}

static double uniform53(pb_rng *rng)
{
    uint64_t high = random32(rng), low = random32(rng);

    return (double)((high << 32 | low) & ((UINT64_C(1) << 53) - 1)) * 0x1p-53;
}

static double one_normal(pb_rng *rng)
{
    double angle, radius;

    if (rng->has_spare) {
        rng->has_spare = 0;
        return rng->spare;
    }
    angle = 2 * M_PI * uniform53(rng);
    radius = sqrt(-2 * log1p(-uniform53(rng)));
    rng->spare = radius * sin(angle);
    rng->has_spare = 1;
    return radius * cos(angle);
}

/* 16 uniform numbers become 16 normal ones. */
static void transform(float *x)
{
    for (size_t j = 0; j < GROUP / 2; j++) {
        float radius = sqrtf(-2.0f * logf(1.0f - x[j]));
        float angle = 6.28318530717958647692f * x[j + GROUP / 2];
        x[j] = radius * cosf(angle);
        x[j + GROUP / 2] = radius * sinf(angle);
    }
}

void pb_randn(pb_rng *rng, float *out, size_t count)
{
    if (count < GROUP) {
        for (size_t i = 0; i < count; i++)
            out[i] = (float)one_normal(rng);
        return;
    }
    for (size_t i = 0; i < count; i++)
        out[i] = uniform24(rng);
    for (size_t i = 0; i + GROUP <= count; i += GROUP)
        transform(out + i);
    if (count % GROUP) { /* the last 16 are drawn anew */
        float *tail = out + count - GROUP;
        for (size_t i = 0; i < GROUP; i++)
            tail[i] = uniform24(rng);
        transform(tail);
    }
}
