/* A model's weights as the kernels read them, made when one first does. */
#ifndef PB_CPU_KEPT_H
#define PB_CPU_KEPT_H

#include "backends/cpu/cpu.h"
#include "io/weights.h"

/* The layouts: plain floats, and those of two algorithms of convolution. */
typedef enum pb_cpu_layout { PB_CPU_PLAIN, PB_CPU_WINOGRAD, PB_CPU_IM2ROW } pb_cpu_layout;

/* The weight in its layout, the device's. Threads that need different ones do not wait for each
 * other. Errors: PB_MEMORY, PB_IO. */
pb_status pb_cpu_keep(const float **out, pb_cpu *cpu, const pb_stored *weight, pb_cpu_layout layout,
                      pb_error *error);

/* A plain weight; NULL for NULL. */
pb_status pb_cpu_plain(const float **out, pb_device *device, const pb_stored *weight,
                       pb_error *error);

/* Floats of a convolution's weight in a layout. */
size_t pb_cpu_kept_floats(const pb_stored *weight, pb_cpu_layout layout);

void pb_cpu_drop_kept(pb_cpu *cpu);

#endif
