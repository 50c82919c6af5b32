#include <pullback/edit.h>

void pb_straight(size_t size, const float *x, size_t count, const float *v, double length,
                 size_t stages, float *out)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 1; j <= stages; j++, out += size) {
            double s = length * (double)j / (double)stages;
            for (size_t l = 0; l < size; l++)
                out[l] = (float)((double)x[l] + s * (double)v[i * size + l]);
        }
}
