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

/* diffusers names the class in _class_name, transformers in a list. */
static void check_class(pb_config *c, const char *class)
{
    const char *found, *key = "_class_name";

    pb_config_nullable(c, "architectures");
    found = pb_config_string(c, key, NULL);
    if (!found && pb_config_strings(c, "architectures", 1, &found) == 0)
        return; /* early releases say nothing */
    if (!pb_config_has(c, key))
        key = "architectures";
    if (found && strcmp(found, class))
        pb_config_fail(c, PB_UNSUPPORTED, key, "\"%s\" is not supported: expected \"%s\"", found,
                       class);
}

pb_status pb_network_open(pb_network *n, pb_config **config, const char *folder, const char *class,
                          pb_family family, const pb_backend *backend, pb_error *error)
{
    char *path = pb_sprintf("%s/config.json", folder), *weights = NULL;
    pb_status status = path ? pb_weights_locate(&weights, NULL, folder, family, error)
                            : pb_fail_memory(error, strlen(folder) + 13, "a path");

    if (status == PB_OK)
        status = pb_weights_open(&n->weights, weights, error);
    if (status == PB_OK)
        status = backend->open(&n->device, error);
    if (status == PB_OK)
        status = pb_config_open(config, path, error);
    if (status == PB_OK)
        check_class(*config, class);
    pb_free(path);
    pb_free(weights);
    return status;
}
