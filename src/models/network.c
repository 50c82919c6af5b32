#include "models/network.h"

void pb_network_close(pb_network *n)
{
    pb_graph_free(n->graph);
    pb_device_close(n->device);
    pb_weights_free(n->weights);
    *n = (pb_network){0};
}

pb_status pb_network_open(pb_network *n, const pb_part *part, const pb_backend *backend,
                          pb_error *error)
{
    const pb_component *component = part->component;
    pb_config *config;

    PB_TRY(pb_part_weights(&n->weights, part, error));
    PB_TRY(backend->open(&n->device, error));
    PB_TRY(pb_part_config(&config, part, error));
    return pb_component_build(&component, &n->graph, &n->facts, config, n->weights, error);
}
