/* The small networks with golden values, and linearisations of them. */
#ifndef NETWORKS_H
#define NETWORKS_H

#include "golden.h"

/* A context as a condition has it. */
typedef struct given {
    pb_input input;
    pb_tensor tensor;
} given;

typedef struct network {
    pb_model *model;
    pb_weights *io;       /* NULL: there are no golden values */
    pb_tensor x, context; /* context (1, tokens, width): empty where there is no text */
    given *given;         /* the context; NULL where there is no text */
    pb_condition condition;
} network;

/* The network of a folder of GOLDEN at the golden values' point: of io.safetensors, or of another
 * name (odd ones do not halve). The caller closes it. */
network open_network(const char *folder, const char *io);

/* The one of any folder at a random point. */
network open_anywhere(const char *path);

void close_network(network *n);

/* The map between two taps at the network's point; memory as in pb_run. */
pb_linearisation *linearise_network(const network *n, const char *from, const char *to,
                                    size_t memory);

#endif
