/* Position embeddings: row i of a table is added at position i.
 *
 *     forward   y  = x + table
 *     jvp       dy = dx
 *     vjp       dx = dy
 */
#include "ops/ops.h"

#include "base/memory.h"
#include "ops/parallel.h"

typedef struct add_table {
    size_t rows, channels;
    float *table;
} add_table;

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    const add_table *p = params;

    (void)inputs;
    if (in[0].c != p->channels || in[0].h * in[0].w > p->rows)
        return pb_fail(error, PB_INVALID,
                       "%zu positions of %zu channels, expected at most %zu of %zu",
                       in[0].h * in[0].w, in[0].c, p->rows, p->channels);
    *out = in[0];
    return PB_OK;
}

static pb_status forward(const pb_call *call, pb_error *error)
{
    const add_table *p = call->params;
    size_t size = pb_shape_size(call->out);

    (void)error;
    for (size_t j = 0; j < call->n; j++)
        for (size_t i = 0; i < size; i++)
            call->y[j * size + i] = call->x[0][j * size + i] + p->table[i];
    return PB_OK;
}

static pb_status jvp(const pb_call *call, pb_error *error)
{
    (void)error;
    pb_axpby(call->n * pb_shape_size(call->out), 1, call->x[0], false, call->y);
    return PB_OK;
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    (void)error;
    pb_axpby(call->n * pb_shape_size(call->out), 1, call->dy, call->add[0], call->dx[0]);
    return PB_OK;
}

static void free_params(void *params)
{
    add_table *p = params;

    pb_free(p->table);
    pb_free(p);
}

const pb_op pb_add_table = {
    .name = "add_table",
    .in_place = true,
    .shape = shape,
    .forward = forward,
    .jvp = jvp,
    .vjp = vjp,
    .free = free_params,
};

pb_status pb_add_table_new(void **params, size_t rows, size_t channels, const pb_stored *table,
                           pb_error *error)
{
    add_table *p = pb_calloc(1, sizeof *p);
    pb_status status;

    if (!p)
        return pb_fail_memory(error, sizeof *p, "a table");
    *p = (add_table){rows, channels, NULL};
    status = pb_stored_load(&p->table, table, error);
    if (status == PB_OK)
        *params = p;
    else
        free_params(p);
    return status;
}
