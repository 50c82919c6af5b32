/* Position embeddings: row i of a table is added at position i.
 *
 *     forward   y  = x + table
 *     jvp       dy = dx
 *     vjp       dx = dy
 */
#include "backends/cpu/kernels.h"

#include "backends/cpu/parallel.h"
#include "base/memory.h"

static pb_status prepare(pb_call *call, pb_pass pass, pb_error *error)
{
    const float *table = NULL;

    if (pass == PB_FORWARD && !call->dry)
        PB_TRY(pb_cpu_plain(&table, call->device, ((const pb_table_params *)call->params)->table,
                            error));
    call->kernel = (void *)(uintptr_t)table; /* which is only read */
    return PB_OK;
}

static pb_status forward(const pb_call *call, pb_error *error)
{
    const float *x = call->x[0], *table = call->kernel;
    float *y = call->y;
    size_t size = pb_shape_size(call->out);

    (void)error;
    for (size_t j = 0; j < call->n; j++)
        for (size_t i = 0; i < size; i++)
            y[j * size + i] = x[j * size + i] + table[i];
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

const pb_kernel pb_cpu_add_table = {
    .in_place = true,
    .prepare = prepare,
    .forward = forward,
    .jvp = jvp,
    .vjp = vjp,
};
