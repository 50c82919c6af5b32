#include "backends/reference/reference.h"

#include "backends/reference/item.h"
#include "backends/steps.h"
#include "base/memory.h"

static pb_status open(pb_device **device, pb_error *error)
{
    *device = pb_calloc(1, sizeof **device);
    if (!*device)
        return pb_fail_memory(error, sizeof **device, "an engine");
    (*device)->backend = &pb_reference_backend;
    return PB_OK;
}

static void close(pb_device *device)
{
    pb_free(device);
}

static pb_status upload(pb_device *device, pb_memory *memory, size_t offset, const float *from,
                        size_t count, pb_error *error)
{
    double *to = pb_steps_at(memory, offset);

    (void)device, (void)error;
    for (size_t i = 0; i < count; i++)
        to[i] = (double)from[i];
    return PB_OK;
}

static pb_status download(pb_device *device, float *to, const pb_memory *memory, size_t offset,
                          size_t count, pb_error *error)
{
    const double *from = pb_steps_at(memory, offset);

    (void)device, (void)error;
    for (size_t i = 0; i < count; i++)
        to[i] = (float)from[i];
    return PB_OK;
}

static size_t packed_bytes(pb_device *device)
{
    (void)device;
    return 0;
}

const pb_backend pb_reference_backend = {
    .name = "reference",
    .number = sizeof(double),
    .kernels =
        {
            [PB_OP_ACTIVATE] = &pb_reference_activate,
            [PB_OP_ADD] = &pb_reference_add,
            [PB_OP_ADD_TABLE] = &pb_reference_add_table,
            [PB_OP_ADD_VECTOR] = &pb_reference_add_vector,
            [PB_OP_AFFINE] = &pb_reference_affine,
            [PB_OP_ATTENTION] = &pb_reference_attention,
            [PB_OP_AVG_POOL] = &pb_reference_avg_pool,
            [PB_OP_CONCAT] = &pb_reference_concat,
            [PB_OP_CONV2D] = &pb_reference_conv2d,
            [PB_OP_GATE] = &pb_reference_gate,
            [PB_OP_GROUP_NORM] = &pb_reference_group_norm,
            [PB_OP_LAYER_NORM] = &pb_reference_layer_norm,
            [PB_OP_LOOKUP] = &pb_reference_lookup,
            [PB_OP_SLICE] = &pb_reference_slice,
            [PB_OP_TIME_EMBEDDING] = &pb_reference_time_embedding,
            [PB_OP_UPSAMPLE] = &pb_reference_upsample,
            [PB_OP_UPSAMPLE_TO] = &pb_reference_upsample,
        },
    .open = open,
    .close = close,
    .alloc = pb_steps_alloc,
    .free = pb_steps_free,
    .upload = upload,
    .download = download,
    .run = pb_steps_run,
    .sync = pb_steps_sync,
    .packed_bytes = packed_bytes,
};
