#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "models/original/parts.h"

#define MAX_LEVELS 16
#define GROUPS 32

const char *pb_unet_prefix(const pb_original *o)
{
    static const char *const prefixes[] = {"model.diffusion_model.", "diffusion_model.", "model.",
                                           ""};

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (pb_original_find(o, "%sinput_blocks.0.0.weight", prefixes[i]))
            return prefixes[i];
    return NULL;
}

/* Residual blocks of a level: those before what halves it; all of them where there is one level. */
static size_t count_layers(const pb_original *o, const char *prefix)
{
    size_t n = 1;

    while (pb_original_find(o, "%sinput_blocks.%zu.0.in_layers.0.weight", prefix, n))
        n++;
    return n - 1;
}

/* What shapes say of a level, by the new names. */
typedef struct level {
    size_t channels, transformers, heads;
    bool down, up; /* has it attention there? */
} level;

typedef struct shapes {
    size_t levels, layers, in, out, context;
    size_t added; /* numbers of sizes and of the whole prompt, which XL takes; 0: none */
    bool linear;  /* projections around transformers */
    level level[MAX_LEVELS];
} shapes;

static size_t count_transformers(const pb_weights *w, size_t i)
{
    size_t n = 0;

    while (
        pb_size_of(w, 0, "down_blocks.%zu.attentions.0.transformer_blocks.%zu.norm1.weight", i, n))
        n++;
    return n ? n : 1;
}

static void read_shapes(shapes *s, const pb_weights *w)
{
    s->in = pb_size_of(w, 1, "conv_in.weight");
    s->out = pb_size_of(w, 0, "conv_out.weight");
    for (size_t i = 0; i < MAX_LEVELS; i++) {
        level *l = &s->level[i];
        l->channels = pb_size_of(w, 0, "down_blocks.%zu.resnets.0.conv2.weight", i);
        if (!l->channels)
            break;
        s->levels++;
        l->down = pb_size_of(w, 0, "down_blocks.%zu.attentions.0.proj_in.weight", i) > 0;
        l->up = pb_size_of(w, 0, "up_blocks.%zu.attentions.0.proj_in.weight", i) > 0;
        l->transformers = count_transformers(w, i);
    }
    s->context = pb_size_of(w, 1, "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight");
    s->added = pb_size_of(w, 1, "add_embedding.linear_1.weight");
    s->linear = pb_size_of(w, 0, "mid_block.attentions.0.proj_in.weight") &&
                !pb_size_of(w, 2, "mid_block.attentions.0.proj_in.weight");
}

static pb_status fail_rule(const pb_original *o, pb_error *error, const char *item, size_t found,
                           const char *expected)
{
    return pb_fail(error, PB_UNSUPPORTED,
                   "%s: %s: expected %s, found %zu: a folder with diffusers' configs for it can be "
                   "given (--config FOLDER)",
                   o->path, item, expected, found);
}

/* Is it of the family that its projections say? */
static pb_status check_release(const shapes *s, const pb_original *o, pb_release release,
                               pb_error *error)
{
    const pb_release_facts *facts = pb_release_of(release);
    char expected[100];

    if (s->context == facts->context && s->linear == facts->linear)
        return PB_OK;
    if (s->context == 768 && release == PB_SD2)
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: the U-Net takes 768 numbers of each token, as Stable Diffusion 1.x, "
                       "and has linear projections, as 2.x: not a model of either",
                       o->path);
    snprintf(expected, sizeof expected, "%zu, with %s projections (%s)", facts->context,
             facts->linear ? "linear" : "convolutional", facts->name);
    return fail_rule(o, error, "the numbers that the U-Net takes of each token", s->context,
                     expected);
}

/* Heads of each level, which shapes do not say. */
static pb_status find_heads(shapes *s, pb_original *o, pb_release release, pb_error *error)
{
    const json_int_t heads = json_integer_value(json_object_get(o->yaml, "num_heads")),
                     width = json_integer_value(json_object_get(o->yaml, "num_head_channels"));
    const pb_release_facts *facts = pb_release_of(release);
    const size_t of_head = width > 0 ? (size_t)width : 64;
    char item[80], expected[40];
    const bool by_width = width > 0 || (heads <= 0 && !facts->heads);

    for (size_t i = 0; i < s->levels; i++) {
        level *l = &s->level[i];
        if (by_width && l->channels % of_head) {
            snprintf(item, sizeof item, "channels of a level of the U-Net, whose heads have %zu",
                     of_head);
            snprintf(expected, sizeof expected, "a multiple of %zu", of_head);
            return fail_rule(o, error, item, l->channels, expected);
        }
        l->heads = by_width ? l->channels / of_head : heads > 0 ? (size_t)heads : facts->heads;
        if (l->channels % GROUPS)
            return fail_rule(o, error, "channels of a level of the U-Net", l->channels,
                             "a multiple of 32, in so many groups they are normalised");
    }
    return pb_original_note(o, error, "heads of the U-Net: %zu%s (%s)",
                            by_width ? of_head : s->level[0].heads,
                            by_width ? " channels each" : " everywhere",
                            width > 0 || heads > 0 ? "the .yaml beside the file" : facts->name);
}

/* Of what XL takes beside the timestep each of six sizes is so many numbers. */
#define SIZES 6
#define OF_SIZE 256

static json_t *config_of(const shapes *s)
{
    json_t *config;
    json_t *down = json_array(), *up = json_array(), *channels = json_array(),
           *heads = json_array(), *transformers = json_array();

    for (size_t i = 0; i < s->levels; i++) {
        const level *l = &s->level[i];
        json_array_append_new(down, json_string(l->down ? "CrossAttnDownBlock2D" : "DownBlock2D"));
        json_array_append_new(up, json_string(l->up ? "CrossAttnUpBlock2D" : "UpBlock2D"));
        json_array_append_new(channels, json_integer((json_int_t)l->channels));
        json_array_append_new(heads, json_integer((json_int_t)l->heads));
        json_array_append_new(transformers, json_integer((json_int_t)l->transformers));
    }
    config = json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:b}", "_class_name",
                       "UNet2DConditionModel", "in_channels", (json_int_t)s->in, "out_channels",
                       (json_int_t)s->out, "down_block_types", down, "up_block_types", up,
                       "block_out_channels", channels, "attention_head_dim", heads,
                       "transformer_layers_per_block", transformers, "layers_per_block",
                       (json_int_t)s->layers, "cross_attention_dim", (json_int_t)s->context,
                       "use_linear_projection", s->linear);
    if (config && s->added)
        json_object_update_new(config, json_pack("{s:s, s:i, s:I}", "addition_embed_type",
                                                 "text_time", "addition_time_embed_dim", OF_SIZE,
                                                 "projection_class_embeddings_input_dim",
                                                 (json_int_t)s->added));
    return config;
}

static pb_status infer(pb_part *part, pb_original *o, shapes *s, pb_release release,
                       pb_error *error)
{
    PB_TRY(pb_original_note(o, error,
                            "family: %s (the U-Net takes %zu numbers of each token, with %s "
                            "projections)",
                            pb_release_of(release)->name, s->context,
                            s->linear ? "linear" : "convolutional"));
    PB_TRY(find_heads(s, o, release, error));
    part->config = config_of(s);
    return part->config ? PB_OK : pb_fail_memory(error, 1, "a config");
}

pb_status pb_original_unet(pb_part *part, pb_original *o, pb_release *release, pb_error *error)
{
    const char *prefix = pb_unet_prefix(o);
    const pb_naming naming = {.layers = count_layers(o, prefix)};
    shapes s = {.layers = naming.layers};

    PB_TRY(pb_original_take(part, o, prefix, pb_unet_name, NULL, &naming, error));
    read_shapes(&s, part->selected);
    if (!s.context)
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: the U-Net is not conditioned on text: expected Stable Diffusion 1.x, "
                       "2.x or XL",
                       o->path);
    *release = s.added ? PB_SDXL : s.linear ? PB_SD2 : PB_SD1;
    part->component = pb_component_find(PB_KIND_DENOISER, "UNet2DConditionModel");
    PB_TRY(pb_original_config(&part->config, o, PB_ROLE_UNET, error));
    if (part->config)
        return PB_OK;
    PB_TRY(check_release(&s, o, *release, error));
    return infer(part, o, &s, *release, error);
}
