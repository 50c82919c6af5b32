/* The tensors that a pickle of torch.save describes (io/torch.h says which of them). */
#ifndef PB_IO_TORCH_TENSORS_H
#define PB_IO_TORCH_TENSORS_H

#include "io/pickle.h"
#include "io/weights.h"

typedef struct pb_torch_tensor {
    char *name;
    pb_stored stored;     /* dtype, shape and sizes; offset: from its storage's first byte on */
    pb_layout layout;     /* rank 0: one entry after the other */
    const char *storage;  /* its key; the pickle's */
    size_t storage_bytes; /* of all of that */
} pb_torch_tensor;

typedef struct pb_torch_tensors {
    size_t count, room;
    pb_torch_tensor *list;
} pb_torch_tensors;

/* Adds them to a list that is empty, each within its storage; to be cleared also after a failure.
 * path is for messages. Errors: PB_FORMAT, PB_UNSUPPORTED (a dtype that is not read, a value of
 * what nobody knows here in the place of a tensor), PB_MEMORY. */
pb_status pb_torch_gather(pb_torch_tensors *tensors, const char *path, const pb_pickled *value,
                          pb_error *error);
void pb_torch_clear(pb_torch_tensors *tensors);

#endif
