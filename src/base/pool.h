/* Memory for many small things that are given back together, with a limit. */
#ifndef PB_BASE_POOL_H
#define PB_BASE_POOL_H

#include <stddef.h>

/* Begin with the limit, (pb_pool){.most = n}, and end with pb_pool_clear. */
typedef struct pb_pool {
    size_t most;  /* bytes that may be taken in all; */
    size_t taken; /* and those that are */
    struct pb_pool_chunk *last;
    char *free; /* in the last one */
    size_t left;
} pb_pool;

/* Unfilled memory for any type, which stays where it is until the pool is cleared. NULL when there
 * is none, or when it would be more than may be taken: *beyond (or NULL) says which. */
void *pb_pool_take(pb_pool *pool, size_t size, int *beyond);

void pb_pool_clear(pb_pool *pool);

#endif
