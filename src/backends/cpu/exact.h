/* Convolution with every sum in double precision, straight from the weight as it is stored. It
 * serves the point of a linearisation: what the linear passes read of it then has the rounding of
 * float32 once for each operation, not once for each term. */
#ifndef PB_CPU_EXACT_H
#define PB_CPU_EXACT_H

#include "backends/cpu/onednn.h"

/* Bytes of scratch of a run on so many threads. */
size_t pb_exact_scratch(const pb_convolution_shape *shape, int threads);

/* out = W * in + bias for one item. weight: (out_c, in_c, k, k); bias: out_c floats, or NULL.
 * Errors: PB_IO (the weight cannot be read). */
pb_status pb_exact_forward(const pb_convolution_shape *shape, const pb_stored *weight,
                           const float *in, const float *bias, float *out, int threads,
                           void *scratch, pb_error *error);

#endif
