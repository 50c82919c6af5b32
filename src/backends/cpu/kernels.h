/* The kernels, one file each; their equations are at the beginning of each file. */
#ifndef PB_CPU_KERNELS_H
#define PB_CPU_KERNELS_H

#include "backends/cpu/activation.h"
#include "backends/cpu/kept.h"
#include "backends/steps.h"
#include "ops/ops.h"

extern const pb_kernel pb_cpu_activate, pb_cpu_add, pb_cpu_add_table, pb_cpu_add_vector,
    pb_cpu_affine, pb_cpu_attention, pb_cpu_avg_pool, pb_cpu_concat, pb_cpu_conv2d, pb_cpu_gate,
    pb_cpu_group_norm, pb_cpu_layer_norm, pb_cpu_lookup, pb_cpu_slice, pb_cpu_time_embedding,
    pb_cpu_upsample;

#endif
