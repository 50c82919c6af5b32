#include "backends/cpu/parallel.h"

#include <string.h>

#include "base/vector.h"

PB_VECTOR static void add_strip(size_t count, float scale, const float *x, float *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] += scale * x[i];
}

PB_VECTOR static void scale_strip(size_t count, float scale, const float *x, float *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = scale * x[i];
}

void pb_axpby(size_t count, float scale, const float *x, bool add, float *y)
{
    if (!add && scale == 1.0f && x == y)
        return;
#pragma omp parallel for
    for (size_t i = 0; i < count; i += PB_STRIP) {
        size_t length = count - i < PB_STRIP ? count - i : PB_STRIP;
        if (add)
            add_strip(length, scale, x + i, y + i);
        else if (scale != 1.0f)
            scale_strip(length, scale, x + i, y + i);
        else
            memcpy(y + i, x + i, length * sizeof *y);
    }
}
