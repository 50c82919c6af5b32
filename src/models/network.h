/* A network beside the U-Net: its weights, its graph, and what computes it. */
#ifndef PB_MODELS_NETWORK_H
#define PB_MODELS_NETWORK_H

#include "backends/backend.h"
#include "graph/graph.h"
#include "io/config.h"
#include "io/weights.h"
#include "models/weights_files.h"

typedef struct pb_network {
    pb_weights *weights;
    pb_device *device;
    pb_graph *graph; /* reads weights; built by the caller */
} pb_network;

/* Opens the config and the weights in a folder, "vae" of a pipeline, say; class: what _class_name
 * or the first of `architectures` must be; family: who wrote it; backend: the U-Net's. *network
 * must be zero-filled; pb_network_close frees it, also on failure. The caller closes *config.
 * Errors: PB_IO, PB_FORMAT, PB_UNSUPPORTED, PB_MEMORY.
 */
pb_status pb_network_open(pb_network *network, pb_config **config, const char *folder,
                          const char *class, pb_family family, const pb_backend *backend,
                          pb_error *error);
void pb_network_close(pb_network *network);

#endif
