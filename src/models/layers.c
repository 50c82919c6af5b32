#include "models/layers.h"

pb_value pb_layer_resnet(const pb_layers *l, pb_value x, size_t out_channels, int by, double scale,
                         const char *name)
{
    pb_builder *b = l->b;
    size_t in_channels = pb_build_channels(b, x);
    pb_value h, skip = x, modulation = PB_NO_VALUE;

    h = pb_build_group_norm(b, x, PB_NO_VALUE, l->groups, l->eps, l->activation, "%s.norm1", name);
    if (by < 0) {
        h = pb_build_avg_pool(b, h);
        skip = pb_build_avg_pool(b, x);
    } else if (by > 0) {
        h = pb_build_upsample(b, h);
        skip = pb_build_upsample(b, x);
    }
    h = pb_build_conv(b, h, out_channels, 3, 1, 1, 1, "%s.conv1", name);
    if (l->embedding != PB_NO_VALUE) {
        pb_value time =
            pb_build_linear(b, l->embedding, l->scale_shift ? 2 * out_channels : out_channels, true,
                            "%s.time_emb_proj", name);
        if (l->scale_shift)
            modulation = time;
        else
            h = pb_build_add_vector(b, h, time);
    }
    h = pb_build_group_norm(b, h, modulation, l->groups, l->eps, l->activation, "%s.norm2", name);
    h = pb_build_conv(b, h, out_channels, 3, 1, 1, 1, "%s.conv2", name);
    if (in_channels != out_channels)
        skip = pb_build_conv(b, skip, out_channels, 1, 1, 0, 0, "%s.conv_shortcut", name);
    return pb_build_add(b, h, skip, 1.0 / scale);
}

pb_value pb_layer_attention(const pb_layers *l, pb_value x, size_t head_dim, size_t groups,
                            double scale, const char *name)
{
    pb_builder *b = l->b;
    size_t channels = pb_build_channels(b, x);
    size_t d = head_dim ? head_dim : channels;
    size_t heads = d ? channels / d : 0, inner = heads * d;
    bool old = pb_build_has(b, "%s.query.weight", name);
    pb_value h = x, q, key, v;

    if (heads == 0)
        pb_builder_fail(b, PB_FORMAT,
                        "%s: attention_head_dim: expected at most %zu, the channels there, "
                        "found %zu",
                        name, channels, d);
    if (groups)
        h = pb_build_group_norm(b, x, PB_NO_VALUE, groups, l->eps, PB_ACT_NONE, "%s.group_norm",
                                name);
    q = pb_build_linear(b, h, inner, true, "%s.%s", name, old ? "query" : "to_q");
    key = pb_build_linear(b, h, inner, true, "%s.%s", name, old ? "key" : "to_k");
    v = pb_build_linear(b, h, inner, true, "%s.%s", name, old ? "value" : "to_v");
    h = pb_build_attention(b, q, key, v, heads, false);
    h = pb_build_linear(b, h, channels, true, "%s.%s", name, old ? "proj_attn" : "to_out.0");
    return pb_build_add(b, h, x, 1.0 / scale);
}

pb_value pb_layer_embed(const pb_layers *l, pb_value x, size_t width, pb_activation inner,
                        const char *name)
{
    pb_value h = pb_build_linear(l->b, x, width, true, "%s.linear_1", name);

    h = pb_build_activate(l->b, h, inner);
    return pb_build_linear(l->b, h, width, true, "%s.linear_2", name);
}

static pb_value embed_time(const pb_layers *l, pb_value time, const pb_embedding_options *o,
                           const char *name)
{
    pb_value h =
        pb_build_time_embedding(l->b, time, o->channels, o->flip_sin_to_cos, o->freq_shift);

    return pb_layer_embed(l, h, o->width, o->inner, name);
}

pb_value pb_layer_embedding(const pb_layers *l, pb_value time, pb_value label, pb_value added,
                            const pb_embedding_options *o)
{
    pb_value embedding = embed_time(l, time, o, "time_embedding"), class = PB_NO_VALUE;

    if (o->class_by_timestep)
        class = embed_time(l, label, o, "class_embedding");
    else if (o->classes)
        class = pb_build_lookup(l->b, label, o->classes, o->width, "class_embedding");
    if (class != PB_NO_VALUE)
        embedding = pb_build_add(l->b, embedding, class, 1);
    if (added != PB_NO_VALUE)
        embedding = pb_build_add(l->b, embedding, added, 1);
    return pb_build_activate(l->b, embedding, l->activation);
}
