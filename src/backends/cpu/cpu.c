#include "backends/cpu/cpu.h"

#include <string.h>

#include "backends/cpu/bfloat.h"
#include "backends/cpu/kernels.h"
#include "base/memory.h"

static void close(pb_device *device)
{
    pb_cpu *cpu = (pb_cpu *)device;

    pb_cpu_drop_kept(cpu);
    pb_onednn_free(cpu->dnn);
    pb_costs_free(cpu->costs);
    pthread_mutex_destroy(&cpu->mutex);
    pb_free(cpu);
}

static pb_status open(pb_device **device, pb_error *error)
{
    pb_cpu *cpu = pb_calloc(1, sizeof *cpu);
    pb_status status;

    if (!cpu)
        return pb_fail_memory(error, sizeof *cpu, "an engine");
    cpu->device.backend = &pb_cpu_backend;
    pthread_mutex_init(&cpu->mutex, NULL);
    status = pb_onednn_new(&cpu->dnn, error);
    if (status == PB_OK)
        *device = &cpu->device;
    else
        close(&cpu->device);
    return status;
}

static pb_status upload(pb_device *device, pb_memory *memory, size_t offset, const float *from,
                        size_t count, pb_error *error)
{
    (void)device, (void)error;
    memcpy(pb_steps_at(memory, offset), from, count * sizeof *from);
    return PB_OK;
}

static pb_status download(pb_device *device, float *to, const pb_memory *memory, size_t offset,
                          size_t count, pb_error *error)
{
    (void)device, (void)error;
    memcpy(to, pb_steps_at(memory, offset), count * sizeof *to);
    return PB_OK;
}

static size_t packed_bytes(pb_device *device)
{
    pb_cpu *cpu = (pb_cpu *)device;

    return cpu->packed_bytes + pb_onednn_packed_bytes(cpu->dnn);
}

static pb_status read_costs(pb_device *device, const char *path, pb_error *error)
{
    pb_cpu *cpu = (pb_cpu *)device;
    pb_costs *costs;

    PB_TRY(pb_costs_read(&costs, path, error));
    pb_costs_free(cpu->costs);
    cpu->costs = costs;
    return PB_OK;
}

const pb_backend pb_cpu_backend = {
    .name = "cpu",
    .number = sizeof(float),
    .kernels =
        {
            [PB_OP_ACTIVATE] = &pb_cpu_activate,
            [PB_OP_ADD] = &pb_cpu_add,
            [PB_OP_ADD_TABLE] = &pb_cpu_add_table,
            [PB_OP_ADD_VECTOR] = &pb_cpu_add_vector,
            [PB_OP_AFFINE] = &pb_cpu_affine,
            [PB_OP_ATTENTION] = &pb_cpu_attention,
            [PB_OP_AVG_POOL] = &pb_cpu_avg_pool,
            [PB_OP_CONCAT] = &pb_cpu_concat,
            [PB_OP_CONV2D] = &pb_cpu_conv2d,
            [PB_OP_GATE] = &pb_cpu_gate,
            [PB_OP_GROUP_NORM] = &pb_cpu_group_norm,
            [PB_OP_LAYER_NORM] = &pb_cpu_layer_norm,
            [PB_OP_LOOKUP] = &pb_cpu_lookup,
            [PB_OP_SLICE] = &pb_cpu_slice,
            [PB_OP_TIME_EMBEDDING] = &pb_cpu_time_embedding,
            [PB_OP_UPSAMPLE] = &pb_cpu_upsample,
            [PB_OP_UPSAMPLE_TO] = &pb_cpu_upsample,
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
    .native_bf16 = pb_bfloat_native,
    .read_costs = read_costs,
};
