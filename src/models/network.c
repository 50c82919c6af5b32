#include "models/network.h"

#include <string.h>

#include "base/memory.h"

void pb_network_close(pb_network *n)
{
    pb_graph_free(n->graph);
    pb_device_close(n->device);
    pb_weights_free(n->weights);
    *n = (pb_network){0};
}

pb_status pb_network_open(pb_network *n, const pb_component *component, const char *folder,
                          const pb_backend *backend, pb_error *error)
{
    char *path = pb_sprintf("%s/config.json", folder), *weights = NULL;
    pb_status status = path ? pb_weights_locate(&weights, NULL, folder, component->library, error)
                            : pb_fail_memory(error, strlen(folder) + 13, "a path");
    pb_config *config;

    if (status == PB_OK)
        status = pb_weights_open(&n->weights, weights, error);
    if (status == PB_OK)
        status = backend->open(&n->device, error);
    if (status == PB_OK)
        status = pb_config_open(&config, path, error);
    if (status == PB_OK)
        status = pb_component_build(&component, &n->graph, &n->facts, config, n->weights, error);
    pb_free(path);
    pb_free(weights);
    return status;
}
