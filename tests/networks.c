#include "networks.h"

#include "base/memory.h"
#include "op_harness.h"

#define TIME 421.5 /* where the golden values name none */
#define CLASS 3
#define TOKENS 5 /* of a random context */

static void set_condition(network *n)
{
    n->condition = (pb_condition){.timestep = TIME, .class_label = -1};
    if (n->io && pb_weights_find(n->io, "t"))
        n->condition.timestep = golden_timestep(n->io);
    if (pb_model_get_info(n->model)->class_conditional)
        n->condition.class_label = CLASS;
    if (n->context.data) {
        n->given = pb_calloc(1, sizeof *n->given);
        assert_non_null(n->given);
        *n->given = (given){{"context", &n->given->tensor}, n->context};
        n->condition.count = 1;
        n->condition.inputs = &n->given->input;
    }
}

network open_network(const char *folder, const char *io)
{
    network n = {0};
    char path[512];

    snprintf(path, sizeof path, GOLDEN "%s", folder);
    MUST(pb_model_open(&n.model, path, error));
    snprintf(path, sizeof path, GOLDEN "%s/%s.safetensors", folder, io);
    MUST(pb_weights_open(&n.io, path, error));
    n.x = golden(n.io, "x");
    if (pb_model_get_info(n.model)->context_width)
        n.context = golden(n.io, "context");
    set_condition(&n);
    return n;
}

static pb_tensor random_tensor(size_t rank, const size_t *shape, unsigned seed)
{
    pb_tensor t = PB_TENSOR_EMPTY;

    MUST(pb_tensor_new(&t, rank, shape, error));
    fill_random(t.data, pb_tensor_count(&t), seed);
    return t;
}

network open_anywhere(const char *path)
{
    const pb_model_info *info;
    network n = {0};

    MUST(pb_model_open(&n.model, path, error));
    info = pb_model_get_info(n.model);
    n.x = random_tensor(
        4, (size_t[4]){1, info->in_channels, info->sample_height, info->sample_width}, 1);
    if (info->context_width)
        n.context = random_tensor(3, (size_t[3]){1, TOKENS, info->context_width}, 2);
    set_condition(&n);
    return n;
}

void close_network(network *n)
{
    pb_tensor_clear(&n->x);
    pb_tensor_clear(&n->context);
    pb_free(n->given);
    pb_weights_free(n->io);
    pb_model_free(n->model);
}

pb_linearisation *linearise_network(const network *n, const char *from, const char *to,
                                    size_t memory)
{
    pb_map_options options = PB_MAP_DEFAULTS;
    pb_linearisation *l = NULL;

    options.from = from;
    options.to = to;
    options.condition = n->condition;
    MUST(pb_linearise(&l, n->model, &options, &n->x, &(pb_run){.memory = memory}, error));
    return l;
}
