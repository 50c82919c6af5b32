/* Operations whose inputs never vary. */
#include <math.h>

#include "backends/reference/item.h"

static pb_status lookup_value(const pb_reference_item *it, pb_error *error)
{
    const pb_table_params *p = it->params;

    for (size_t i = 0; i < pb_shape_size(it->in[0]); i++) {
        double index = it->at[0][i];
        if (!(index >= 0 && index < (double)p->rows))
            return pb_fail(error, PB_INVALID, "%s: row %g: expected 0 to %zu", p->table->name,
                           index, p->rows - 1);
        for (size_t c = 0; c < p->channels; c++)
            it->y[i * p->channels + c] = (double)it->weight[0][(size_t)index * p->channels + c];
    }
    return PB_OK;
}

static void lookup_weights(const void *params, const pb_stored *list[2])
{
    list[0] = ((const pb_table_params *)params)->table;
}

static const pb_reference_op lookup = {.weights = lookup_weights, .forward = lookup_value};

static pb_status time_embedding_value(const pb_reference_item *it, pb_error *error)
{
    const pb_time_embedding_params *p = it->params;
    size_t half = p->channels / 2;

    (void)error;
    for (size_t j = 0; j < it->in[0].c; j++) {
        double *y = it->y + j * p->channels;
        y[p->channels - 1] = 0;
        for (size_t i = 0; i < half; i++) {
            double angle = (double)pb_time_angle(p, (float)it->at[0][j], i);
            y[i + (p->cosines_first ? half : 0)] = sin(angle);
            y[i + (p->cosines_first ? 0 : half)] = cos(angle);
        }
    }
    return PB_OK;
}

static const pb_reference_op time_embedding = {.forward = time_embedding_value};

PB_REFERENCE_FORWARD(lookup)
PB_REFERENCE_FORWARD(time_embedding)

const pb_kernel pb_reference_lookup = {.forward = lookup_forward};
const pb_kernel pb_reference_time_embedding = {.forward = time_embedding_forward};
