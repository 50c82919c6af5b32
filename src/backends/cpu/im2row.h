/* Convolution as a matrix product (Chellapilla, Puri & Simard 2006) in N, H, W, C, and its exact
 * transpose on the same packed weights. Each output position is a row: the entries of its window,
 * k x k x in_c numbers, times the weight as a matrix. For any kernel, stride and padding. */
#ifndef PB_CPU_IM2ROW_H
#define PB_CPU_IM2ROW_H

#include "backends/cpu/onednn.h"

/* Is this a convolution for which the algorithm is faster than the direct one? The choice depends
 * on the shape alone. */
bool pb_im2row_suits(const pb_convolution_shape *shape, pb_direction direction);

/* The weight (out_c, in_c, k, k) as a matrix (k k in_c) x out_c packed in panels (panel.h), a new
 * array (pb_free). Errors: PB_MEMORY, PB_IO. */
pb_status pb_im2row_weights(float **u, const pb_stored *weight, size_t out_c, size_t in_c,
                            size_t kernel, pb_error *error);

/* Floats of it. */
size_t pb_im2row_weight_floats(size_t out_c, size_t in_c, size_t kernel);

/* Bytes of scratch of a run on so many threads. */
size_t pb_im2row_scratch(const pb_convolution_shape *shape, pb_direction direction, int threads);

/* out = W * in + bias (bias: out_c floats, or NULL). */
void pb_im2row_forward(const pb_convolution_shape *shape, const float *u, const float *in,
                       const float *bias, float *out, int threads, void *scratch);

/* in = W^T * out, or with `add` in += W^T * out. */
void pb_im2row_transpose(const pb_convolution_shape *shape, const float *u, const float *out,
                         bool add, float *in, int threads, void *scratch);

#endif
