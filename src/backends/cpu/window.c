#include "backends/cpu/window.h"

/* Along one side: pairs of an output and an entry of its window that lie inside the image. */
static size_t count_pairs(size_t in, size_t out, size_t kernel, size_t stride, size_t before)
{
    size_t pairs = 0;

    for (size_t y = 0; y < out; y++)
        for (size_t p = 0; p < kernel; p++)
            pairs += y * stride + p - before < in; /* negative ones wrap */
    return pairs;
}

double pb_convolution_flops(const pb_convolution_shape *s)
{
    size_t down = count_pairs(s->in_h, s->out_h, s->kernel, s->stride, s->top);
    size_t across = count_pairs(s->in_w, s->out_w, s->kernel, s->stride, s->left);

    return 2.0 * (double)(s->n * down * across) * (double)(s->in_c * s->out_c);
}
