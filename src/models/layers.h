/* Layers that several architectures share, as diffusers names and computes them. */
#ifndef PB_MODELS_LAYERS_H
#define PB_MODELS_LAYERS_H

#include "models/builder.h"

/* What the layers of one network share while it is built. */
typedef struct pb_layers {
    pb_builder *b;
    size_t groups;
    double eps;
    pb_activation activation;
    bool scale_shift;   /* the time embedding scales and shifts */
    pb_value embedding; /* act(time embedding + class embedding); PB_NO_VALUE: none */
} pb_layers;

/* resnet.py, ResnetBlock2D: by = -1 halves the resolution, 1 doubles it, 0 keeps it. */
pb_value pb_layer_resnet(const pb_layers *l, pb_value x, size_t out_channels, int by, double scale,
                         const char *name);

/* attention_processor.py, Attention with a residual connection; its parts were named differently
 * before diffusers 0.15. head_dim 0: one head; groups 0: no norm. */
pb_value pb_layer_attention(const pb_layers *l, pb_value x, size_t head_dim, size_t groups,
                            double scale, const char *name);

typedef struct pb_embedding_options {
    size_t channels; /* of the sinusoids */
    size_t width;    /* of the embedding */
    bool flip_sin_to_cos;
    double freq_shift;
    pb_activation inner;    /* between the two linear layers */
    size_t classes;         /* 0: none in a table */
    bool class_by_timestep; /* the label is embedded as a timestep */
} pb_embedding_options;

/* embeddings.py: "time_embedding", with "class_embedding" added where there is one, and then
 * `added` (or PB_NO_VALUE), activated. */
pb_value pb_layer_embedding(const pb_layers *l, pb_value time, pb_value label, pb_value added,
                            const pb_embedding_options *options);

/* embeddings.py, TimestepEmbedding: two linear layers. */
pb_value pb_layer_embed(const pb_layers *l, pb_value x, size_t width, pb_activation inner,
                        const char *name);

#endif
