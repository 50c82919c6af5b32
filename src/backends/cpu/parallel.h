/* Elementwise loops over whole buffers, shared among the threads. */
#ifndef PB_CPU_PARALLEL_H
#define PB_CPU_PARALLEL_H

#include <stdbool.h>
#include <stddef.h>

/* Entries that one thread takes at a time: they fit the first-level cache a few times over. */
#define PB_STRIP ((size_t)2048)

/* y = (add ? y : 0) + scale x; x and y are the same or do not overlap. */
void pb_axpby(size_t count, float scale, const float *x, bool add, float *y);

#endif
