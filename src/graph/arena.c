#include "graph/arena.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"

static int larger_first(const void *a, const void *b)
{
    const pb_buffer *p = *(pb_buffer *const *)a, *q = *(pb_buffer *const *)b;

    if (p->bytes != q->bytes)
        return p->bytes < q->bytes ? 1 : -1;
    return p < q ? -1 : p > q; /* the same order every time */
}

static int lower_first(const void *a, const void *b)
{
    const pb_buffer *p = *(pb_buffer *const *)a, *q = *(pb_buffer *const *)b;

    return p->offset < q->offset ? -1 : p->offset > q->offset;
}

static int live_together(const pb_buffer *a, const pb_buffer *b)
{
    return a->first <= b->last && b->first <= a->last;
}

pb_status pb_arena_place(size_t count, pb_buffer *buffers, size_t *bytes, pb_error *error)
{
    pb_buffer **order = pb_malloc(count, sizeof *order);
    pb_buffer **beside = pb_malloc(count, sizeof *beside);
    pb_status status = PB_OK;

    *bytes = 0;
    if (!order || !beside) {
        status = pb_fail_memory(error, count * sizeof *order, "a memory plan");
        goto end;
    }
    for (size_t i = 0; i < count; i++)
        order[i] = &buffers[i];
    qsort(order, count, sizeof *order, larger_first);
    for (size_t i = 0; i < count; i++) {
        pb_buffer *b = order[i];
        size_t others = 0, size = b->bytes / PB_ALIGNMENT * PB_ALIGNMENT;

        if (size < b->bytes)
            size += PB_ALIGNMENT;
        for (size_t k = 0; k < i; k++)
            if (live_together(b, order[k]))
                beside[others++] = order[k];
        qsort(beside, others, sizeof *beside, lower_first);
        b->offset = 0;
        for (size_t k = 0; k < others && beside[k]->offset < b->offset + size; k++) {
            size_t end = beside[k]->offset +
                         (beside[k]->bytes + PB_ALIGNMENT - 1) / PB_ALIGNMENT * PB_ALIGNMENT;
            b->offset = end > b->offset ? end : b->offset;
        }
        if (size > PTRDIFF_MAX - b->offset) {
            status = pb_fail(error, PB_MEMORY, "out of memory: a plan too large to address");
            goto end;
        }
        *bytes = b->offset + size > *bytes ? b->offset + size : *bytes;
    }
end:
    pb_free(order);
    pb_free(beside);
    return status;
}
