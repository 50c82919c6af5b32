/* The operations, and the parameters each is made with.
 *
 * A pb_..._new function makes the parameters of one use of an operation; the graph that takes
 * them frees them with the operation's `free`. Weights are referenced, not copied: the file they
 * lie in must stay open. */
#ifndef PB_OPS_OPS_H
#define PB_OPS_OPS_H

#include "io/weights.h"
#include "ops/activation.h"
#include "ops/convolver.h"
#include "ops/op.h"

/* y = W * x + b: k x k convolution, zero padding, or with k = 1 a linear layer. */
extern const pb_op pb_conv2d;

typedef struct pb_conv2d_options {
    size_t in_channels, out_channels;
    size_t kernel;                   /* 1 or 3 … */
    size_t stride;                   /* 1 or 2 */
    size_t top, left, bottom, right; /* zero padding */
} pb_conv2d_options;

/* weight: (out, in, k, k), or (out, in) for k = 1; bias: (out) or NULL. */
pb_status pb_conv2d_new(void **params, pb_convolver *convolver, const pb_conv2d_options *options,
                        const pb_stored *weight, const pb_stored *bias, pb_error *error);

/* y = act(gamma x^ + beta), x^ the input normalised over groups of channels and all positions.
 * A second input (1, 1, 2 C) = (scale, shift), which must not vary, modulates it:
 * y = act((gamma x^ + beta)(1 + scale) + shift). */
extern const pb_op pb_group_norm;
pb_status pb_group_norm_new(void **params, size_t channels, size_t groups, double eps,
                            pb_activation activation, const pb_stored *gamma, const pb_stored *beta,
                            pb_error *error);

/* y = gamma x^ + beta, x^ the input normalised over the channels of each position. */
extern const pb_op pb_layer_norm;
pb_status pb_layer_norm_new(void **params, size_t channels, double eps, const pb_stored *gamma,
                            const pb_stored *beta, pb_error *error);

/* y = act(x) */
extern const pb_op pb_activate;
pb_status pb_activate_new(void **params, pb_activation activation, pb_error *error);

/* y = a gelu(b), where the input's channels are a followed by b. No parameters. */
extern const pb_op pb_gate;

/* y = (x_0 + x_1) scale */
extern const pb_op pb_add;
pb_status pb_add_new(void **params, double scale, pb_error *error);

/* y = x_0 + x_1 with x_1 (1, 1, C) added at every position */
extern const pb_op pb_add_vector;

/* y = scale x + shift */
extern const pb_op pb_affine;
pb_status pb_affine_new(void **params, double scale, double shift, pb_error *error);

/* The channels of x_0 followed by those of x_1. */
extern const pb_op pb_concat;

/* The first `channels` channels. */
extern const pb_op pb_slice;
pb_status pb_slice_new(void **params, size_t channels, pb_error *error);

/* O = softmax(Q K^T / sqrt(d)) V in each head; inputs Q, K, V, channels = heads * d. causal: row i
 * of Q sees rows 0 … i of K and V only. */
extern const pb_op pb_attention;
pb_status pb_attention_new(void **params, size_t heads, bool causal, pb_error *error);

/* Means of 2 x 2 positions; odd last rows and columns are dropped. */
extern const pb_op pb_avg_pool;

/* Every position becomes 2 x 2 (nearest neighbour). */
extern const pb_op pb_upsample;

/* x_0 enlarged to the height and width of x_1 (nearest neighbour), of which only the shape
 * counts. */
extern const pb_op pb_upsample_to;

/* (1, 1, 1) -> (1, 1, channels): sinusoids of the timestep (Ho et al. 2020, after Vaswani et al.
 * 2017). Has no derivative. */
extern const pb_op pb_time_embedding;
pb_status pb_time_embedding_new(void **params, size_t channels, bool flip_sin_to_cos,
                                double freq_shift, pb_error *error);

/* y = x + the first rows of a table (rows, channels), one row for each position. */
extern const pb_op pb_add_table;
pb_status pb_add_table_new(void **params, size_t rows, size_t channels, const pb_stored *table,
                           pb_error *error);

/* (h, w, 1) -> (h, w, channels): row number x of a table (rows, channels). Has no derivative. */
extern const pb_op pb_lookup;
pb_status pb_lookup_new(void **params, size_t rows, size_t channels, const pb_stored *table,
                        pb_error *error);

#endif
