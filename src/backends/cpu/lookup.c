/* Rows of a table.
 *
 *     forward   y_i = table[x_i]  at every position i
 *
 * Indices never vary: no derivative. Rows are read from where the table is stored: that of a text
 * encoder has 49,408. */
#include "backends/cpu/kernels.h"

#include "base/memory.h"

static pb_status forward(const pb_call *call, pb_error *error)
{
    const pb_table_params *p = call->params;
    size_t count = call->n * pb_shape_size(call->in[0]);
    const float *x = call->x[0];
    float *y = call->y;

    for (size_t i = 0; i < count; i++) {
        float index = x[i];
        if (!(index >= 0.0f && index < (float)p->rows))
            return pb_fail(error, PB_INVALID, "%s: row %g: expected 0 to %zu", p->table->name,
                           (double)index, p->rows - 1);
        PB_TRY(pb_stored_read_some(p->table, (size_t)index * p->channels, p->channels,
                                   y + i * p->channels, error));
    }
    return PB_OK;
}

const pb_kernel pb_cpu_lookup = {
    .forward = forward,
};
