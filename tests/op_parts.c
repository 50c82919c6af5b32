#include "op_parts.h"

#include <math.h>

#include "must.h"
#include "op_harness.h"

void make_weight(weight *w, size_t rank, const size_t *shape, double scale, double shift,
                 unsigned seed)
{
    w->stored = (pb_stored){.name = "w",
                            .file = "f",
                            .dtype = PB_F32,
                            .dtype_name = "F32",
                            .rank = rank,
                            .count = 1,
                            .data = w->data};
    for (size_t i = 0; i < rank; i++)
        w->stored.count *= w->stored.shape[i] = shape[i];
    assert_true(w->stored.count <= sizeof w->data / sizeof *w->data);
    w->stored.bytes = w->stored.count * sizeof(float);
    fill_random(w->data, w->stored.count, seed);
    for (size_t i = 0; i < w->stored.count; i++)
        w->data[i] = (float)(scale * (double)w->data[i] + shift);
}

double activated(pb_activation activation, double z)
{
    switch (activation) {
    case PB_ACT_SILU:
        return z / (1 + exp(-z));
    case PB_ACT_MISH:
        return z * tanh(log1p(exp(z)));
    case PB_ACT_GELU:
        return z * 0.5 * erfc(-z / sqrt(2));
    case PB_ACT_RELU:
        return z > 0 ? z : 0;
    case PB_ACT_QUICK_GELU:
        return z / (1 + exp(-1.702 * z));
    case PB_ACT_NONE:
        break;
    }
    return z;
}
