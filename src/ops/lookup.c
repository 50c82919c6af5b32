/* Rows of a table.
 *
 *     forward   y_i = table[x_i]  at every position i
 *
 * Indices never vary: no derivative. Rows are read from where the table is stored: that of a text
 * encoder has 49,408. */
#include "ops/ops.h"

#include "base/memory.h"

typedef struct lookup {
    size_t rows, channels;
    const pb_stored *table;
} lookup;

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)inputs;
    if (in[0].c != 1)
        return pb_fail(error, PB_INTERNAL, "a table's index is one number, not %zu", in[0].c);
    *out = (pb_shape){in[0].h, in[0].w, ((const lookup *)params)->channels};
    return PB_OK;
}

static pb_status forward(const pb_call *call, pb_error *error)
{
    const lookup *p = call->params;
    size_t count = call->n * pb_shape_size(call->in[0]);

    for (size_t i = 0; i < count; i++) {
        float index = call->x[0][i];
        if (!(index >= 0.0f && index < (float)p->rows))
            return pb_fail(error, PB_INVALID, "%s: row %g: expected 0 to %zu", p->table->name,
                           (double)index, p->rows - 1);
        PB_TRY(pb_stored_read_some(p->table, (size_t)index * p->channels, p->channels,
                                   call->y + i * p->channels, error));
    }
    return PB_OK;
}

const pb_op pb_lookup = {
    .name = "lookup",
    .shape = shape,
    .forward = forward,
};

pb_status pb_lookup_new(void **params, size_t rows, size_t channels, const pb_stored *table,
                        pb_error *error)
{
    lookup *p = pb_calloc(1, sizeof *p);

    if (!p)
        return pb_fail_memory(error, sizeof *p, table->name);
    *p = (lookup){rows, channels, table};
    *params = p;
    return PB_OK;
}
