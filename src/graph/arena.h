/* Where buffers lie in one block of memory, given when each is first and last used: two buffers
 * may share memory when their lives do not overlap. */
#ifndef PB_GRAPH_ARENA_H
#define PB_GRAPH_ARENA_H

#include <stddef.h>

#include "base/error.h"

typedef struct pb_buffer {
    size_t bytes;
    size_t first, last; /* steps, both included */
    size_t offset;      /* found by pb_arena_place: a multiple of PB_ALIGNMENT */
} pb_buffer;

/* Finds the offsets: largest buffers first, each at the lowest place free during its life.
 * *bytes: the size of the block. Errors: PB_MEMORY (also a block too large to address). */
pb_status pb_arena_place(size_t count, pb_buffer *buffers, size_t *bytes, pb_error *error);

#endif
