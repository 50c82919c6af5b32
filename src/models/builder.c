#include "models/builder.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/shape.h"

#define MAX_NAME 256
#define MAX_VALUES 8192

struct pb_builder {
    pb_graph *graph;
    const pb_weights *weights;
    bool *used;       /* per tensor */
    pb_shape *shapes; /* per value, for inputs of nominal shape */
    pb_error error;   /* status PB_OK: none so far */
};

pb_status pb_builder_new(pb_builder **out, const pb_weights *weights, pb_error *error)
{
    pb_builder *b = pb_calloc(1, sizeof *b);
    pb_status status;

    if (!b)
        return pb_fail_memory(error, sizeof *b, "a builder");
    b->weights = weights;
    b->used = pb_calloc(pb_weights_count(weights), sizeof *b->used);
    b->shapes = pb_calloc(MAX_VALUES, sizeof *b->shapes);
    status = b->used && b->shapes
                 ? pb_graph_new(&b->graph, error)
                 : pb_fail_memory(error, MAX_VALUES * sizeof *b->shapes, "a builder");
    if (status == PB_OK) {
        *out = b;
        return PB_OK;
    }
    pb_free(b->used);
    pb_free(b->shapes);
    pb_free(b);
    return status;
}

static bool failed(const pb_builder *b)
{
    return b->error.status != PB_OK;
}

void pb_builder_fail(pb_builder *b, pb_status status, const char *format, ...)
{
    char text[sizeof b->error.message];
    va_list arguments;

    if (failed(b))
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    pb_fail(&b->error, status, "%s", text);
}

/* Names up to three tensors that no layer asked for. */
static void check_unused(pb_builder *b)
{
    char names[3 * MAX_NAME] = "";
    size_t unused = 0, length = 0;
    const char *file = NULL;

    for (size_t i = 0; i < pb_weights_count(b->weights); i++) {
        const pb_stored *stored = pb_weights_at(b->weights, i);
        if (b->used[i] || stored->dtype == PB_INTEGER)
            continue;
        file = file ? file : stored->file;
        if (unused++ < 3)
            length += (size_t)snprintf(names + length, MAX_NAME, "%s%.200s", length ? ", " : "",
                                       stored->name);
    }
    if (unused)
        pb_builder_fail(b, PB_FORMAT, "%s: %zu tensors that the config has no place for: %s%s",
                        file, unused, names, unused > 3 ? ", …" : "");
}

pb_status pb_builder_finish(pb_builder *b, pb_graph **graph, pb_error *error)
{
    pb_status status;

    if (!failed(b))
        check_unused(b);
    status = b->error.status;
    if (status == PB_OK)
        *graph = b->graph;
    else {
        pb_graph_free(b->graph);
        pb_fail(error, status, "%s", b->error.message);
    }
    pb_free(b->used);
    pb_free(b->shapes);
    pb_free(b);
    return status;
}

/* -- nodes ----------------------------------------------------------------------------------- */

size_t pb_build_channels(const pb_builder *b, pb_value value)
{
    return failed(b) || value < 0 ? 0 : b->shapes[value].c;
}

static bool room(pb_builder *b)
{
    if (b->graph->count < MAX_VALUES)
        return true;
    pb_builder_fail(b, PB_UNSUPPORTED, "a network of more than %d operations", MAX_VALUES);
    return false;
}

pb_value pb_build_input(pb_builder *b, const char *name, pb_shape nominal, bool many)
{
    pb_value value = PB_NO_VALUE;

    if (failed(b) || !room(b))
        return PB_NO_VALUE;
    b->error.status = pb_graph_input(b->graph, name, nominal, many, &value, &b->error);
    if (failed(b))
        return PB_NO_VALUE;
    b->shapes[value] = nominal;
    return value;
}

/* Adds an operation and computes its nominal shape. */
static pb_value add(pb_builder *b, const pb_op *op, const void *params, const char *label,
                    size_t inputs, const pb_value *input)
{
    pb_shape in[PB_OP_MAX_INPUTS], out;
    pb_value value = PB_NO_VALUE;

    if (failed(b) || !room(b))
        return PB_NO_VALUE;
    for (size_t k = 0; k < inputs; k++)
        in[k] = b->shapes[input[k]];
    b->error.status = op->shape(params, inputs, in, &out, &b->error);
    if (failed(b)) {
        pb_fail_in(&b->error, b->error.status, "%s", label);
        return PB_NO_VALUE;
    }
    b->error.status = pb_graph_add(b->graph, op, params, label, inputs, input, &value, &b->error);
    if (failed(b))
        return PB_NO_VALUE;
    b->shapes[value] = out;
    return value;
}

void pb_build_tap(pb_builder *b, pb_value value, const char *format, ...)
{
    char name[sizeof((pb_tap *)0)->name];
    va_list arguments;

    if (failed(b))
        return;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    b->error.status = pb_graph_add_tap(b->graph, name, value, &b->error);
}

/* -- tensors --------------------------------------------------------------------------------- */

#define FORMAT_NAME(name, format)                                                                  \
    do {                                                                                           \
        va_list arguments_;                                                                        \
        va_start(arguments_, format);                                                              \
        vsnprintf(name, sizeof(name), format, arguments_);                                         \
        va_end(arguments_);                                                                        \
    } while (0)

bool pb_build_has(pb_builder *b, const char *format, ...)
{
    char name[MAX_NAME];

    FORMAT_NAME(name, format);
    return pb_weights_find(b->weights, name) != NULL;
}

/* What messages call the weights. */
static const char *file_of(const pb_builder *b)
{
    return pb_weights_count(b->weights) ? pb_weights_at(b->weights, 0)->file : "weights";
}

/* The tensor LAYER.PART of the given shape, or NULL after recording an error. */
static const pb_stored *tensor(pb_builder *b, const char *layer, const char *part, size_t rank,
                               const size_t *shape)
{
    char name[MAX_NAME + 16];
    const pb_shape_text expected = pb_shape_words(rank, shape);
    const pb_stored *stored;

    if (failed(b))
        return NULL;
    snprintf(name, sizeof name, "%s.%s", layer, part);
    stored = pb_weights_find(b->weights, name);
    if (!stored) {
        pb_builder_fail(b, PB_FORMAT, "%s: tensor %s is missing: expected shape %s", file_of(b),
                        name, expected.text);
        return NULL;
    }
    if (!pb_shape_alike(stored->rank, stored->shape, rank, shape)) {
        pb_builder_fail(b, PB_FORMAT, "%s: tensor %s: expected shape %s, found %s", stored->file,
                        name, expected.text, pb_shape_words(stored->rank, stored->shape).text);
        return NULL;
    }
    if (stored->dtype == PB_INTEGER) {
        pb_builder_fail(b, PB_FORMAT, "%s: tensor %s: expected floating-point numbers, found %s",
                        stored->file, name, stored->dtype_name);
        return NULL;
    }
    for (size_t i = 0; i < pb_weights_count(b->weights); i++)
        if (pb_weights_at(b->weights, i) == stored)
            b->used[i] = true;
    return stored;
}

/* -- layers ---------------------------------------------------------------------------------- */

static pb_value build_conv(pb_builder *b, pb_value x, const pb_conv2d_options *o, bool has_bias,
                           const char *name)
{
    const size_t shape[4] = {o->out_channels, o->in_channels, o->kernel, o->kernel};
    pb_conv2d_params params = {.o = *o};

    params.weight = tensor(b, name, "weight", 4, shape);
    params.bias = has_bias ? tensor(b, name, "bias", 1, shape) : NULL;
    return add(b, &pb_conv2d, &params, name, 1, &x);
}

pb_value pb_build_conv(pb_builder *b, pb_value x, size_t out_channels, size_t kernel, size_t stride,
                       size_t before, size_t after, const char *format, ...)
{
    const pb_conv2d_options options = {
        .in_channels = pb_build_channels(b, x),
        .out_channels = out_channels,
        .kernel = kernel,
        .stride = stride,
        .top = before,
        .left = before,
        .bottom = after,
        .right = after,
    };
    char name[MAX_NAME];

    FORMAT_NAME(name, format);
    return build_conv(b, x, &options, true, name);
}

pb_value pb_build_linear(pb_builder *b, pb_value x, size_t out_channels, bool bias,
                         const char *format, ...)
{
    const pb_conv2d_options options = {.in_channels = pb_build_channels(b, x),
                                       .out_channels = out_channels,
                                       .kernel = 1,
                                       .stride = 1};
    char name[MAX_NAME];

    FORMAT_NAME(name, format);
    return build_conv(b, x, &options, bias, name);
}

pb_value pb_build_group_norm(pb_builder *b, pb_value x, pb_value modulation, size_t groups,
                             double eps, pb_activation activation, const char *format, ...)
{
    const pb_value inputs[2] = {x, modulation};
    const size_t channels = pb_build_channels(b, x);
    pb_group_norm_params params = {channels, groups, eps, activation, NULL, NULL};
    char name[MAX_NAME];

    FORMAT_NAME(name, format);
    if (!failed(b) && (groups == 0 || channels % groups))
        pb_builder_fail(b, PB_FORMAT, "%s: %s: %zu channels do not divide into %zu groups",
                        file_of(b), name, channels, groups);
    params.gamma = tensor(b, name, "weight", 1, &channels);
    params.beta = tensor(b, name, "bias", 1, &channels);
    return add(b, &pb_group_norm, &params, name, modulation == PB_NO_VALUE ? 1 : 2, inputs);
}

pb_value pb_build_layer_norm(pb_builder *b, pb_value x, double eps, const char *format, ...)
{
    const size_t channels = pb_build_channels(b, x);
    pb_layer_norm_params params = {channels, eps, NULL, NULL};
    char name[MAX_NAME];

    FORMAT_NAME(name, format);
    params.gamma = tensor(b, name, "weight", 1, &channels);
    params.beta = tensor(b, name, "bias", 1, &channels);
    return add(b, &pb_layer_norm, &params, name, 1, &x);
}

pb_value pb_build_add_table(pb_builder *b, pb_value x, size_t rows, const char *format, ...)
{
    const size_t shape[2] = {rows, pb_build_channels(b, x)};
    pb_table_params params = {shape[0], shape[1], NULL};
    char name[MAX_NAME];

    FORMAT_NAME(name, format);
    params.table = tensor(b, name, "weight", 2, shape);
    return add(b, &pb_add_table, &params, name, 1, &x);
}

pb_value pb_build_lookup(pb_builder *b, pb_value index, size_t rows, size_t channels,
                         const char *format, ...)
{
    const size_t shape[2] = {rows, channels};
    pb_table_params params = {rows, channels, NULL};
    char name[MAX_NAME];

    FORMAT_NAME(name, format);
    params.table = tensor(b, name, "weight", 2, shape);
    return add(b, &pb_lookup, &params, name, 1, &index);
}

pb_value pb_build_time_embedding(pb_builder *b, pb_value time, size_t channels,
                                 bool flip_sin_to_cos, double freq_shift)
{
    const pb_time_embedding_params params = {channels, flip_sin_to_cos, freq_shift};

    return add(b, &pb_time_embedding, &params, "time embedding", 1, &time);
}

pb_value pb_build_activate(pb_builder *b, pb_value x, pb_activation activation)
{
    return add(b, &pb_activate, &(pb_activate_params){activation}, "activation", 1, &x);
}

pb_value pb_build_attention(pb_builder *b, pb_value q, pb_value k, pb_value v, size_t heads,
                            bool causal)
{
    const pb_value inputs[3] = {q, k, v};

    return add(b, &pb_attention, &(pb_attention_params){heads, causal}, "attention", 3, inputs);
}

pb_value pb_build_gate(pb_builder *b, pb_value x)
{
    return add(b, &pb_gate, NULL, "gate", 1, &x);
}

pb_value pb_build_add(pb_builder *b, pb_value a, pb_value c, double scale)
{
    const pb_value inputs[2] = {a, c};

    return add(b, &pb_add, &(pb_add_params){scale}, "sum", 2, inputs);
}

pb_value pb_build_add_vector(pb_builder *b, pb_value x, pb_value vector)
{
    const pb_value inputs[2] = {x, vector};

    return add(b, &pb_add_vector, NULL, "sum with a vector", 2, inputs);
}

pb_value pb_build_affine(pb_builder *b, pb_value x, double scale, double shift)
{
    return add(b, &pb_affine, &(pb_affine_params){scale, shift}, "scale and shift", 1, &x);
}

pb_value pb_build_concat(pb_builder *b, pb_value a, pb_value c)
{
    /* A network without a mid block puts its bottleneck together with itself. */
    const pb_value inputs[2] = {a, a == c ? pb_build_affine(b, c, 1, 0) : c};

    return add(b, &pb_concat, NULL, "skip connection", 2, inputs);
}

pb_value pb_build_slice(pb_builder *b, pb_value x, size_t channels)
{
    return add(b, &pb_slice, &(pb_slice_params){channels}, "first channels", 1, &x);
}

pb_value pb_build_avg_pool(pb_builder *b, pb_value x)
{
    return add(b, &pb_avg_pool, NULL, "average pooling", 1, &x);
}

pb_value pb_build_upsample(pb_builder *b, pb_value x)
{
    return add(b, &pb_upsample, NULL, "upsampling", 1, &x);
}

pb_value pb_build_upsample_to(pb_builder *b, pb_value x, pb_value like)
{
    const pb_value inputs[2] = {x, like};

    return add(b, &pb_upsample_to, NULL, "upsampling", 2, inputs);
}
