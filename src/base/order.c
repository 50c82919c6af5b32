#include "base/order.h"

void pb_to_hwc(float *out, const float *in, size_t n, size_t c, size_t h, size_t w)
{
    size_t positions = h * w;

    for (size_t j = 0; j < n; j++, in += positions * c, out += positions * c)
        for (size_t p = 0; p < positions; p++)
            for (size_t i = 0; i < c; i++)
                out[p * c + i] = in[i * positions + p];
}

void pb_to_chw(float *out, const float *in, size_t n, size_t c, size_t h, size_t w)
{
    size_t positions = h * w;

    for (size_t j = 0; j < n; j++, in += positions * c, out += positions * c)
        for (size_t i = 0; i < c; i++)
            for (size_t p = 0; p < positions; p++)
                out[i * positions + p] = in[p * c + i];
}
