/* Everything of oneDNN that the project uses, behind one header: convolutions in N, H, W, C, and
 * matrix products (oneDNN's kernels follow the processor; a BLAS may not know a new one).
 * Works with oneDNN 2 and 3. */
#ifndef PB_CPU_ONEDNN_H
#define PB_CPU_ONEDNN_H

#include <stdbool.h>
#include <stddef.h>

#include "io/weights.h"

/* An engine, and the weights in the layouts its kernels read: packed on first use, shared by all
 * kernels that read the same layout. May be shared by threads. */
typedef struct pb_onednn pb_onednn;

/* Errors: PB_MEMORY, PB_INTERNAL. */
pb_status pb_onednn_new(pb_onednn **out, pb_error *error);
void pb_onednn_free(pb_onednn *dnn);

/* Bytes of packed weights. */
size_t pb_onednn_packed_bytes(pb_onednn *dnn);

typedef struct pb_convolution_shape {
    size_t n;
    size_t in_h, in_w, in_c;
    size_t out_h, out_w, out_c;
    size_t kernel, stride;
    size_t top, left, bottom, right; /* zero padding */
} pb_convolution_shape;

typedef enum pb_direction {
    PB_CONVOLVE,          /* (n, in_h, in_w, in_c) -> (n, out_h, out_w, out_c) */
    PB_CONVOLVE_TRANSPOSE /* the adjoint */
} pb_direction;

/* A convolution ready to run; used by one thread at a time. */
typedef struct pb_convolution pb_convolution;

/* weight: (out_c, in_c, k, k). bias: only with PB_CONVOLVE. bf16: multiplies the input and the
 * weight rounded to bfloat16, with sums in float32; where the processor cannot, the rounded numbers
 * go through the float32 kernels. most: bytes that all packed weights may take; one that brings
 * them above it is packed for each run, read from its file again, and dropped: its numbers are the
 * same. Errors: PB_MEMORY, PB_IO, PB_INTERNAL. */
pb_status pb_convolution_new(pb_convolution **out, pb_onednn *dnn,
                             const pb_convolution_shape *shape, pb_direction direction, bool bias,
                             bool bf16, const pb_stored *weight, size_t most, pb_error *error);
void pb_convolution_free(pb_convolution *convolution);

/* Bytes of scratch that a run needs. */
size_t pb_convolution_scratch(const pb_convolution *convolution);

/* bias: out_c floats, or NULL as it was made. Errors: PB_INTERNAL; where the weight is packed for
 * the run, PB_MEMORY and PB_IO. */
pb_status pb_convolution_run(const pb_convolution *convolution, const float *in, const float *bias,
                             float *out, void *scratch, pb_error *error);

/* C = alpha op(A) op(B) + beta C in float32, row-major: op(A) m x k, op(B) k x n, C m x n, rows
 * lda, ldb and ldc apart; transposed: op(X) = X^T. Within a parallel region it runs on the thread
 * that calls it. */
void pb_sgemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha,
              const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
              size_t ldc);

#endif
