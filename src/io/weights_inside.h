/* The inside of a pb_weights. */
#ifndef PB_IO_WEIGHTS_INSIDE_H
#define PB_IO_WEIGHTS_INSIDE_H

#include <stdatomic.h>

#include "io/reader.h"

struct pb_weights {
    atomic_size_t owners;
    size_t shard_count;
    pb_shard *shards;
    pb_weights *from; /* of a selection: what it selects from; or NULL */
    char **names;     /* of a selection: its own */
    pb_layout *layouts;
    struct pb_addition *additions; /* of weights with something added: all of it, by tensor, */
    pb_weights **sources;          /* and the weights it lies in */
    size_t source_count;
    size_t count;
    pb_stored *tensors; /* by name */
};

/* Sorts the tensors by name. Errors: PB_FORMAT (two of one name). */
pb_status pb_weights_sort(pb_weights *weights, pb_error *error);

#endif
