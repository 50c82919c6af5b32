/* pb_stored_read: conversion of stored numbers to float32. Plain loops without branches, so that
 * the compiler vectorises them; loads by memcpy, since a file promises no alignment. */
#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "io/weights.h"

static inline float from_bits(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t to_bits(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* IEEE 754 binary16 to binary32, exact. With m the 15 bits below the sign moved into place, a
 * normal number needs its exponent rebiased by 127 - 15 = 112, an infinity or NaN by as much
 * again. A subnormal one is 2^-14 (m / 2^23): that is 2^-14 (1 + m / 2^23) less 2^-14, a
 * subtraction of normal floats without rounding (and right also where the processor flushes
 * subnormal floats to zero). */
static inline float from_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t m = (uint32_t)(half & 0x7FFF) << 13;
    uint32_t normal = m + (112u << 23);
    uint32_t special = m + (224u << 23);
    uint32_t subnormal = to_bits(from_bits(m + (113u << 23)) - from_bits(113u << 23));
    uint32_t bits = m >= (31u << 23) ? special : normal;

    bits = m < (1u << 23) ? subnormal : bits;
    return from_bits(sign | bits);
}

static void read_half(size_t n, const unsigned char *from, float *out)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, from + 2 * i, sizeof half);
        out[i] = from_half(le16toh(half));
    }
}

/* bfloat16 is the upper half of a binary32. */
static void read_bfloat(size_t n, const unsigned char *from, float *out)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t upper;
        memcpy(&upper, from + 2 * i, sizeof upper);
        out[i] = from_bits((uint32_t)le16toh(upper) << 16);
    }
}

static void read_float(size_t n, const unsigned char *from, float *out)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (n > 0) /* an empty tensor may have no data to point at */
        memcpy(out, from, n * sizeof *out);
#else
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, from + 4 * i, sizeof bits);
        out[i] = from_bits(le32toh(bits));
    }
#endif
}

static void read_double(size_t n, const unsigned char *from, float *out)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        double value;
        memcpy(&bits, from + 8 * i, sizeof bits);
        bits = le64toh(bits);
        memcpy(&value, &bits, sizeof value);
        out[i] = (float)value;
    }
}

void pb_stored_read(const pb_stored *stored, float *out)
{
    switch (stored->dtype) {
    case PB_F64:
        read_double(stored->count, stored->data, out);
        break;
    case PB_F32:
        read_float(stored->count, stored->data, out);
        break;
    case PB_F16:
        read_half(stored->count, stored->data, out);
        break;
    case PB_BF16:
        read_bfloat(stored->count, stored->data, out);
        break;
    case PB_INTEGER:
        break;
    }
}

void pb_stored_read_some(const pb_stored *stored, size_t first, size_t count, float *out)
{
    pb_stored part = *stored;

    part.count = count;
    part.data += first * (stored->bytes / stored->count);
    pb_stored_read(&part, out);
}
