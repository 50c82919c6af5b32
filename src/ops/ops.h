/* The operations, their equations, and the parameters each has. Weights are referenced, not copied:
 * the file they lie in must stay open. Tensors are N, H, W, C. */
#ifndef PB_OPS_OPS_H
#define PB_OPS_OPS_H

#include "io/weights.h"
#include "ops/activation.h"
#include "ops/op.h"

/* y = W * x + b: k x k convolution, zero padding, or with k = 1 a linear layer. */
extern const pb_op pb_conv2d;

typedef struct pb_conv2d_options {
    size_t in_channels, out_channels;
    size_t kernel;                   /* 1 or 3 … */
    size_t stride;                   /* 1 or 2 */
    size_t top, left, bottom, right; /* zero padding */
} pb_conv2d_options;

typedef struct pb_conv2d_params {
    pb_conv2d_options o;
    const pb_stored *weight; /* (out, in, k, k), or (out, in) for k = 1 */
    const pb_stored *bias;   /* (out) or NULL */
} pb_conv2d_params;

/* y = act(gamma x^ + beta), x^ the input normalised over groups of channels and all positions.
 * A second input (1, 1, 2 C) = (scale, shift), which must not vary, modulates it:
 * y = act((gamma x^ + beta)(1 + scale) + shift). */
extern const pb_op pb_group_norm;

typedef struct pb_group_norm_params {
    size_t channels, groups;
    double eps;
    pb_activation activation;
    const pb_stored *gamma, *beta;
} pb_group_norm_params;

/* y = gamma x^ + beta, x^ the input normalised over the channels of each position. */
extern const pb_op pb_layer_norm;

typedef struct pb_layer_norm_params {
    size_t channels;
    double eps;
    const pb_stored *gamma, *beta;
} pb_layer_norm_params;

/* y = act(x) */
extern const pb_op pb_activate;

typedef struct pb_activate_params {
    pb_activation activation;
} pb_activate_params;

/* y = a gelu(b), where the input's channels are a followed by b (GEGLU; Shazeer 2020). */
extern const pb_op pb_gate;

/* y = (x_0 + x_1) scale */
extern const pb_op pb_add;

typedef struct pb_add_params {
    double scale;
} pb_add_params;

/* y = x_0 + x_1 with x_1 (1, 1, C) added at every position */
extern const pb_op pb_add_vector;

/* y = scale x + shift */
extern const pb_op pb_affine;

typedef struct pb_affine_params {
    double scale, shift;
} pb_affine_params;

/* The channels of x_0 followed by those of x_1. */
extern const pb_op pb_concat;

/* The first `channels` channels. */
extern const pb_op pb_slice;

typedef struct pb_slice_params {
    size_t channels;
} pb_slice_params;

/* O = softmax(Q K^T / sqrt(d)) V in each head; inputs Q, K, V, channels = heads * d. causal: row i
 * of Q sees rows 0 … i of K and V only. */
extern const pb_op pb_attention;
enum { PB_Q, PB_K, PB_V };

typedef struct pb_attention_params {
    size_t heads;
    bool causal;
} pb_attention_params;

/* Means of 2 x 2 positions; odd last rows and columns are dropped. */
extern const pb_op pb_avg_pool;

/* Nearest-neighbour enlargement, to twice the height and width, or to those of x_1, of which only
 * the shape counts.
 *
 *     y[a, b] = x[s(a), t(b)]
 *
 * s(a) = floor(a in / out), and t(b) likewise along the width, with in/out and the product rounded
 * to float32 as F.interpolate(mode="nearest") of PyTorch rounds them. Of the sizes that a U-Net has
 * (m being the smaller one, up to 2094, where float32 is exact enough to change nothing) that is
 *
 *     out = 2m      s(a) = a/2          every position becomes two
 *     out = 2m - 1  s(a) = a/2          but the last, which stays one
 *     out = 2m + 1  s(a) = (a - 1)/2    but the first, which becomes three (s(0) = 0)
 */
extern const pb_op pb_upsample, pb_upsample_to;

/* s(a): which of `in` positions along one side position a of `out` shows. */
size_t pb_upsample_source(size_t in, size_t out, size_t a);

/* (1, 1, n) -> (1, 1, n channels): sinusoids of each of n numbers, of the timestep t say (Ho et al.
 * 2020, after Vaswani et al. 2017), one behind the other. With half = channels/2 and f_i =
 * exp(-log(10000) i/(half - freq_shift)),
 *
 *     y = (sin(t f_0), …, cos(t f_0), …), or cosines first; 0 last where channels is odd
 *
 * where the angles t f_i are rounded to float32 as diffusers rounds them: at t = 1000 that matters.
 */
extern const pb_op pb_time_embedding;

typedef struct pb_time_embedding_params {
    size_t channels;
    bool cosines_first;
    double freq_shift;
} pb_time_embedding_params;

/* t f_i */
float pb_time_angle(const pb_time_embedding_params *params, float t, size_t i);

/* y = x + the first rows of a table (rows, channels), one row for each position. */
extern const pb_op pb_add_table;

/* (h, w, 1) -> (h, w, channels): row number x of a table (rows, channels). */
extern const pb_op pb_lookup;

typedef struct pb_table_params {
    size_t rows, channels;
    const pb_stored *table;
} pb_table_params;

#endif
