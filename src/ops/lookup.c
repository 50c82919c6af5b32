/* A row of a table.
 *
 *     forward   y = table[x]
 *
 * The index never varies: no derivative. */
#include "ops/ops.h"

#include <string.h>

#include "base/memory.h"

typedef struct lookup {
    size_t rows, channels;
    float *table;
} lookup;

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)inputs;
    if (pb_shape_size(in[0]) != 1)
        return pb_fail(error, PB_INTERNAL, "a table's index is one number, not %zu",
                       pb_shape_size(in[0]));
    *out = (pb_shape){1, 1, ((const lookup *)params)->channels};
    return PB_OK;
}

static pb_status forward(const pb_call *call, pb_error *error)
{
    const lookup *p = call->params;

    for (size_t j = 0; j < call->n; j++) {
        float index = call->x[0][j];
        if (!(index >= 0.0f && index < (float)p->rows))
            return pb_fail(error, PB_INVALID, "class label %g: expected 0 to %zu", (double)index,
                           p->rows - 1);
        memcpy(call->y + j * p->channels, p->table + (size_t)index * p->channels,
               p->channels * sizeof *p->table);
    }
    return PB_OK;
}

static void free_params(void *params)
{
    lookup *p = params;

    pb_free(p->table);
    pb_free(p);
}

const pb_op pb_lookup = {
    .name = "lookup",
    .shape = shape,
    .forward = forward,
    .free = free_params,
};

pb_status pb_lookup_new(void **params, size_t rows, size_t channels, const pb_stored *table,
                        pb_error *error)
{
    lookup *p = pb_calloc(1, sizeof *p);
    float *values = pb_malloc(table->count, sizeof *values);

    if (!p || !values) {
        pb_free(p);
        pb_free(values);
        return pb_fail_memory(error, table->count * sizeof *values, table->name);
    }
    pb_stored_read(table, values);
    *p = (lookup){rows, channels, values};
    *params = p;
    return PB_OK;
}
