#include <pullback/tensor.h>

#include <string.h>

#include "base/memory.h"
#include "base/shape.h"

void pb_tensor_init(pb_tensor *tensor)
{
    if (tensor)
        *tensor = PB_TENSOR_EMPTY;
}

pb_status pb_tensor_new(pb_tensor *tensor, size_t rank, const size_t *shape, pb_error *error)
{
    size_t count = 1;
    float *data;

    PB_NEED(tensor, "a tensor");
    if (rank && !shape)
        return pb_fail(error, PB_INVALID, "a tensor of rank %zu without a shape", rank);
    if (rank > PB_MAX_RANK)
        return pb_fail(error, PB_INVALID, "a tensor of rank %zu: at most %d", rank, PB_MAX_RANK);
    for (size_t i = 0; i < rank; i++)
        if (pb_mul_overflows(count, shape[i], &count))
            return pb_fail_memory(error, SIZE_MAX, "a tensor");
    data = pb_calloc(count, sizeof *data);
    if (!data)
        return pb_fail_memory(error, count * sizeof *data, "a tensor");
    *tensor = (pb_tensor){.rank = rank, .data = data};
    for (size_t i = 0; i < rank; i++)
        tensor->shape[i] = shape[i];
    return PB_OK;
}

pb_status pb_tensor_copy(pb_tensor *to, const pb_tensor *from, pb_error *error)
{
    PB_TRY(pb_tensor_check(from, "a tensor", error));
    PB_TRY(pb_tensor_new(to, from->rank, from->shape, error));
    memcpy(to->data, from->data, pb_tensor_count(from) * sizeof *to->data);
    return PB_OK;
}

void pb_tensor_clear(pb_tensor *tensor)
{
    if (!tensor)
        return;
    pb_free(tensor->data);
    *tensor = PB_TENSOR_EMPTY;
}

size_t pb_tensor_count(const pb_tensor *tensor)
{
    size_t count = 1;

    for (size_t i = 0; i < tensor->rank; i++)
        count *= tensor->shape[i];
    return count;
}
