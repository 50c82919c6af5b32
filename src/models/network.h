/* A network beside the U-Net: its weights, its graph, and what computes it. */
#ifndef PB_MODELS_NETWORK_H
#define PB_MODELS_NETWORK_H

#include "backends/backend.h"
#include "models/components.h"

typedef struct pb_network {
    pb_weights *weights;
    pb_device *device;
    pb_graph *graph; /* reads weights */
    pb_component_facts facts;
} pb_network;

/* Opens the network in a folder, "vae" of a pipeline, say. component: what the pipeline says it is;
 * backend: the U-Net's. *network must be zero-filled; pb_network_close frees it, also on failure.
 * Errors: PB_IO, PB_FORMAT, PB_UNSUPPORTED, PB_MEMORY. */
pb_status pb_network_open(pb_network *network, const pb_component *component, const char *folder,
                          const pb_backend *backend, pb_error *error);
void pb_network_close(pb_network *network);

#endif
