/* Builds a graph from named weights. A builder keeps the first error: after it, every call does
 * nothing and returns -1, so that an architecture reads as a plain list of layers, with one check
 * at the end. Layers are named as in printf, last. */
#ifndef PB_MODELS_BUILDER_H
#define PB_MODELS_BUILDER_H

#include "graph/graph.h"
#include "io/weights.h"
#include "ops/ops.h"

#define PB_NO_VALUE (-1)

typedef struct pb_builder pb_builder;

/* Errors: PB_MEMORY. The weights must outlive the graph. */
pb_status pb_builder_new(pb_builder **out, const pb_weights *weights, pb_error *error);

/* Ends building. Success: every tensor of the weights was used, except integer ones; *graph is
 * the caller's. Failure: the first error, or PB_FORMAT naming what is left over; *graph is left.
 * Frees the builder in any case. */
pb_status pb_builder_finish(pb_builder *b, pb_graph **graph, pb_error *error);

/* Records an error of the caller's own, unless there is one. */
void pb_builder_fail(pb_builder *b, pb_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An input of the graph with its nominal shape, against which all layers are checked; many: it may
 * have any number of positions. */
pb_value pb_build_input(pb_builder *b, const char *name, pb_shape nominal, bool many);

/* Names a value as a tap: "mid", or with a number "down.3". */
void pb_build_tap(pb_builder *b, pb_value value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Channels of a value; 0 after an error. */
size_t pb_build_channels(const pb_builder *b, pb_value value);

/* Is there a tensor of this name? */
bool pb_build_has(pb_builder *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* NAME.weight, NAME.bias: a convolution with the given padding on the left and top, and on the
 * right and bottom. */
pb_value pb_build_conv(pb_builder *b, pb_value x, size_t out_channels, size_t kernel, size_t stride,
                       size_t before, size_t after, const char *format, ...)
    __attribute__((format(printf, 8, 9)));

/* NAME.weight (and NAME.bias): a linear layer over channels. */
pb_value pb_build_linear(pb_builder *b, pb_value x, size_t out_channels, bool bias,
                         const char *format, ...) __attribute__((format(printf, 5, 6)));

/* NAME.weight, NAME.bias: a group norm; modulation may be PB_NO_VALUE. */
pb_value pb_build_group_norm(pb_builder *b, pb_value x, pb_value modulation, size_t groups,
                             double eps, pb_activation activation, const char *format, ...)
    __attribute__((format(printf, 7, 8)));

/* NAME.weight, NAME.bias: a layer norm. */
pb_value pb_build_layer_norm(pb_builder *b, pb_value x, double eps, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* NAME.weight (rows, channels): one row of it added at each position. */
pb_value pb_build_add_table(pb_builder *b, pb_value x, size_t rows, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* NAME.weight (rows, channels). */
pb_value pb_build_lookup(pb_builder *b, pb_value index, size_t rows, size_t channels,
                         const char *format, ...) __attribute__((format(printf, 5, 6)));

pb_value pb_build_time_embedding(pb_builder *b, pb_value time, size_t channels,
                                 bool flip_sin_to_cos, double freq_shift);
pb_value pb_build_activate(pb_builder *b, pb_value x, pb_activation activation);
pb_value pb_build_attention(pb_builder *b, pb_value q, pb_value k, pb_value v, size_t heads,
                            bool causal);
pb_value pb_build_gate(pb_builder *b, pb_value x);
pb_value pb_build_add(pb_builder *b, pb_value a, pb_value c, double scale);
pb_value pb_build_add_vector(pb_builder *b, pb_value x, pb_value vector);
pb_value pb_build_affine(pb_builder *b, pb_value x, double scale, double shift);
pb_value pb_build_concat(pb_builder *b, pb_value a, pb_value c);
pb_value pb_build_slice(pb_builder *b, pb_value x, size_t channels);
pb_value pb_build_avg_pool(pb_builder *b, pb_value x);
pb_value pb_build_upsample(pb_builder *b, pb_value x);
pb_value pb_build_upsample_to(pb_builder *b, pb_value x, pb_value like);

#endif
