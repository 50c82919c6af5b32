#include <stdio.h>

#include "models/architectures.h"
#include "models/builder.h"
#include "models/fields.h"

#define MAX_LAYERS 256

typedef struct clip_text {
    size_t vocabulary, length, width, inner, layers, heads;
    size_t projected; /* 0: there is no projection */
    uint32_t end;
    double eps;
    pb_activation activation;
} clip_text;

/* Every field of CLIPTextConfig; those of any transformers model that the weights' use does not
 * depend on are ignored. */
static void read_config(pb_config *c, clip_text *t, bool projected)
{
    static const char *const ignored[] = {
        "architectures",
        "attention_dropout",
        "bos_token_id",
        "chunk_size_feed_forward",
        "dropout",
        "dtype",
        "eos_token_id",
        "gradient_checkpointing",
        "id2label",
        "initializer_factor",
        "initializer_range",
        "is_decoder",
        "is_encoder_decoder",
        "label2id",
        "output_attentions",
        "output_hidden_states",
        "pad_token_id",
        "problem_type",
        "projection_dim",
        "return_dict",
        "tie_word_embeddings",
        "torch_dtype",
        "torchscript",
        "transformers_version",
        "use_cache",
    };
    static const char *const types[] = {"clip_text_model", NULL};

    if (!pb_config_is_null(c, "model_type"))
        pb_read_choice(c, "model_type", "clip_text_model", types);
    pb_refuse_set(c, "use_attention_mask"); /* diffusers then hides the padding */
    t->vocabulary = pb_read_size(c, "vocab_size", 49408, 1, 10000000);
    t->width = pb_read_size(c, "hidden_size", 512, 1, PB_MAX_CHANNELS);
    t->inner = pb_read_size(c, "intermediate_size", 2048, 1, PB_MAX_CHANNELS);
    t->layers = pb_read_size(c, "num_hidden_layers", 12, 1, MAX_LAYERS);
    t->heads = pb_read_size(c, "num_attention_heads", 8, 1, PB_MAX_CHANNELS);
    t->length = pb_read_size(c, "max_position_embeddings", 77, 3, 65536);
    t->activation = pb_read_activation(c, "hidden_act", "quick_gelu");
    t->eps = pb_config_number(c, "layer_norm_eps", 1e-5, 1e-12, 1);
    if (t->width % t->heads)
        pb_config_fail(c, PB_FORMAT, "num_attention_heads",
                       "a hidden_size of %zu does not divide into %zu heads", t->width, t->heads);
    if (projected) {
        t->projected = pb_read_size(c, "projection_dim", 512, 1, PB_MAX_CHANNELS);
        t->end = (uint32_t)pb_config_integer(c, "eos_token_id", 49407, 0, 10000000);
    }
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        pb_config_ignore(c, ignored[i]);
}

/* modeling_clip.py, CLIPEncoderLayer: causal attention and two linear layers, each behind a norm
 * and with a residual. */
static pb_value layer(pb_builder *b, const clip_text *t, pb_value x, const char *name)
{
    pb_value h = pb_build_layer_norm(b, x, t->eps, "%s.layer_norm1", name);
    pb_value q = pb_build_linear(b, h, t->width, true, "%s.self_attn.q_proj", name);
    pb_value k = pb_build_linear(b, h, t->width, true, "%s.self_attn.k_proj", name);
    pb_value v = pb_build_linear(b, h, t->width, true, "%s.self_attn.v_proj", name);

    h = pb_build_attention(b, q, k, v, t->heads, true);
    h = pb_build_linear(b, h, t->width, true, "%s.self_attn.out_proj", name);
    x = pb_build_add(b, h, x, 1);
    h = pb_build_layer_norm(b, x, t->eps, "%s.layer_norm2", name);
    h = pb_build_linear(b, h, t->inner, true, "%s.mlp.fc1", name);
    h = pb_build_linear(b, pb_build_activate(b, h, t->activation), t->width, true, "%s.mlp.fc2",
                        name);
    return pb_build_add(b, h, x, 1);
}

/* CLIPTextTransformer; its tensors have a prefix or not. */
static pb_text_facts build(pb_builder *b, const clip_text *t)
{
    const char *prefix = pb_build_has(b, "text_model.final_layer_norm.weight") ? "text_model." : "";
    pb_value x = pb_build_input(b, "tokens", (pb_shape){t->length, 1, 1}, true);
    pb_text_facts facts = {.vocabulary = t->vocabulary,
                           .length = t->length,
                           .width = t->width,
                           .projected_width = t->projected,
                           .end = t->end};
    char name[80];

    x = pb_build_lookup(b, x, t->vocabulary, t->width, "%sembeddings.token_embedding", prefix);
    x = pb_build_add_table(b, x, t->length, "%sembeddings.position_embedding", prefix);
    for (size_t i = 0; i < t->layers; i++) {
        snprintf(name, sizeof name, "%sencoder.layers.%zu", prefix, i);
        facts.penultimate = x;
        x = layer(b, t, x, name);
    }
    facts.hidden = pb_build_layer_norm(b, x, t->eps, "%sfinal_layer_norm", prefix);
    if (t->projected)
        facts.projected = pb_build_linear(b, facts.hidden, t->projected, false, "text_projection");
    return facts;
}

static pb_status read_and_build(pb_graph **graph, pb_component_facts *facts, pb_config *config,
                                const pb_weights *weights, bool projected, pb_error *error)
{
    clip_text t = {0};
    pb_builder *b;

    read_config(config, &t, projected);
    PB_TRY(pb_config_close(config, error));
    PB_TRY(pb_builder_new(&b, weights, error));
    facts->text = build(b, &t);
    return pb_builder_finish(b, graph, error);
}

pb_status pb_clip_text(pb_graph **graph, pb_component_facts *facts, pb_config *config,
                       const pb_weights *weights, pb_error *error)
{
    return read_and_build(graph, facts, config, weights, false, error);
}

pb_status pb_clip_text_projected(pb_graph **graph, pb_component_facts *facts, pb_config *config,
                                 const pb_weights *weights, pb_error *error)
{
    return read_and_build(graph, facts, config, weights, true, error);
}
