/* A network beside the U-Net: its weights, its graph, and what computes it. */
#ifndef PB_MODELS_NETWORK_H
#define PB_MODELS_NETWORK_H

#include "backends/backend.h"
#include "models/part.h"

typedef struct pb_network {
    pb_weights *weights;
    pb_device *device;
    pb_graph *graph; /* reads weights */
    pb_component_facts facts;
} pb_network;

/* Opens a part that is a network. backend: the U-Net's. *network must be zero-filled;
 * pb_network_close frees it, also on failure.
 * Errors: PB_IO, PB_FORMAT, PB_UNSUPPORTED, PB_MEMORY. */
pb_status pb_network_open(pb_network *network, const pb_part *part, const pb_backend *backend,
                          pb_error *error);
void pb_network_close(pb_network *network);

#endif
