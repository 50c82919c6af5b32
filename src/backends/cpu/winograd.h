/* Winograd's F(4x4, 3x3) convolution (Lavin & Gray 2016) in N, H, W, C, and its exact transpose on
 * the same transformed weights. For 3 x 3 kernels of stride 1 with one row and column of zero
 * padding all around. */
#ifndef PB_CPU_WINOGRAD_H
#define PB_CPU_WINOGRAD_H

#include "backends/cpu/onednn.h"

bool pb_winograd_computes(const pb_convolution_shape *shape);

/* Is it faster than the direct algorithm? The choice depends on the shape alone. */
bool pb_winograd_suits(const pb_convolution_shape *shape, pb_direction direction);

/* Floats of a transformed weight. */
size_t pb_winograd_weight_floats(size_t out_c, size_t in_c);

/* The transformed weights U of a weight (out_c, in_c, 3, 3): 36 matrices in_c x out_c, each packed
 * in panels (panel.h), as a new array (pb_free). Errors: PB_MEMORY, PB_IO. */
pb_status pb_winograd_weights(float **u, const pb_stored *weight, size_t out_c, size_t in_c,
                              pb_error *error);

/* Bytes of scratch of a run on so many threads. */
size_t pb_winograd_scratch(const pb_convolution_shape *shape, int threads);

/* out = W * in + bias (bias: out_c floats, or NULL). */
void pb_winograd_forward(const pb_convolution_shape *shape, const float *u, const float *in,
                         const float *bias, float *out, int threads, void *scratch);

/* in = W^T * out, or with `add` in += W^T * out. */
void pb_winograd_transpose(const pb_convolution_shape *shape, const float *u, const float *out,
                           bool add, float *in, int threads, void *scratch);

#endif
