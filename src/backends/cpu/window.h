/* The windows of a convolution: which input positions an output reads. */
#ifndef PB_CPU_WINDOW_H
#define PB_CPU_WINDOW_H

#include <stdint.h>

#include "backends/cpu/onednn.h"

/* Numbers in a window: k x k positions, all channels. */
static inline size_t pb_window_size(const pb_convolution_shape *s)
{
    return s->kernel * s->kernel * s->in_c;
}

/* Where in an image the position lies that is under entry p of the window of output (y, x), in
 * floats; SIZE_MAX: in the padding. */
static inline size_t pb_window_entry(const pb_convolution_shape *s, size_t y, size_t x, size_t p)
{
    size_t row = y * s->stride + p / s->kernel - s->top; /* negative ones wrap */
    size_t column = x * s->stride + p % s->kernel - s->left;

    return row < s->in_h && column < s->in_w ? (row * s->in_w + column) * s->in_c : SIZE_MAX;
}

/* Multiplications and additions of the direct algorithm. Those with the zeros of the padding do not
 * count. */
double pb_convolution_flops(const pb_convolution_shape *shape);

#endif
