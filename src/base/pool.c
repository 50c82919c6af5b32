#include "base/pool.h"

#include <stdalign.h>

#include "base/memory.h"

#define CHUNK ((size_t)65536)

typedef struct pb_pool_chunk {
    struct pb_pool_chunk *before;
    alignas(max_align_t) char bytes[];
} pb_pool_chunk;

void *pb_pool_take(pb_pool *pool, size_t size, int *beyond)
{
    const size_t step = alignof(max_align_t);
    const size_t whole = size / step * step + (size % step ? step : 0);
    char *taken;

    if (beyond)
        *beyond = whole < size || whole > pool->most - pool->taken;
    if (whole < size || whole > pool->most - pool->taken)
        return NULL;
    if (whole > pool->left || !pool->last) {
        size_t room = whole > CHUNK ? whole : CHUNK;
        pb_pool_chunk *chunk = pb_malloc(sizeof *chunk + room, 1);
        if (!chunk)
            return NULL;
        chunk->before = pool->last;
        pool->last = chunk;
        pool->free = chunk->bytes;
        pool->left = room;
    }
    taken = pool->free;
    pool->free += whole;
    pool->left -= whole;
    pool->taken += whole;
    return taken;
}

void pb_pool_clear(pb_pool *pool)
{
    while (pool->last) {
        pb_pool_chunk *before = pool->last->before;
        pb_free(pool->last);
        pool->last = before;
    }
    *pool = (pb_pool){.most = pool->most};
}
