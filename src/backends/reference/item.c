#include "backends/reference/item.h"

#include <string.h>

#include "base/memory.h"

size_t pb_reference_saved(const pb_call *call)
{
    size_t count = 0;

    for (size_t k = 0; k < call->inputs; k++)
        count += pb_shape_size(call->in[k]);
    return count;
}

/* Item j of a buffer of items of a shape. */
static double *item_of(const void *buffer, pb_shape shape, size_t j)
{
    return buffer ? (double *)(uintptr_t)buffer + j * pb_shape_size(shape) : NULL;
}

/* The inputs one after the other, at the point of a linearisation. */
static void save(const pb_call *call)
{
    double *to = call->saved;

    for (size_t k = 0; k < call->inputs; k++) {
        size_t count = pb_shape_size(call->in[k]);
        memcpy(to, call->x[k], count * sizeof *to);
        to += count;
    }
}

static pb_status run_item(const pb_reference_op *op, pb_pass pass, const pb_call *call,
                          pb_reference_item *it, size_t j, pb_error *error)
{
    const double *saved = call->saved;

    it->y = item_of(call->y, call->out, j);
    it->dy = item_of(call->dy, call->out, j);
    for (size_t k = 0; k < call->inputs; k++) {
        it->x[k] = item_of(call->x[k], call->in[k], j);
        it->at[k] =
            pass == PB_FORWARD ? item_of(call->x[k], call->in[k], call->shared[k] ? 0 : j) : saved;
        if (saved)
            saved += pb_shape_size(call->in[k]);
        it->dx[k] = item_of(call->dx[k], call->in[k], j);
        if (it->dx[k] && !call->add[k])
            memset(it->dx[k], 0, pb_shape_size(call->in[k]) * sizeof *it->dx[k]);
    }
    if (pass == PB_FORWARD)
        return op->forward(it, error);
    if (pass == PB_JVP)
        memset(it->y, 0, pb_shape_size(call->out) * sizeof *it->y);
    (pass == PB_JVP ? op->jvp : op->vjp)(it);
    return PB_OK;
}

pb_status pb_reference_each(const pb_reference_op *op, pb_pass pass, const pb_call *call,
                            pb_error *error)
{
    pb_reference_item item = {
        .params = call->params, .in = call->in, .out = call->out, .inputs = call->inputs};
    const pb_stored *stored[2] = {NULL, NULL};
    float *weights[2] = {NULL, NULL};
    pb_status status = PB_OK;

    if (op->weights)
        op->weights(call->params, stored);
    for (size_t i = 0; i < 2 && status == PB_OK; i++) {
        if (stored[i])
            status = pb_stored_load(&weights[i], stored[i], error);
        item.weight[i] = weights[i];
    }
    if (status == PB_OK && pass == PB_FORWARD && call->saved && !op->linear)
        save(call);
    for (size_t j = 0; j < call->n && status == PB_OK; j++) {
        status = pb_stop_check(call->stop, error);
        if (status == PB_OK)
            status = run_item(op, pass, call, &item, j, error);
    }
    pb_free(weights[0]);
    pb_free(weights[1]);
    return status;
}
