/* What the norms keep ready: their weights. */
#ifndef PB_CPU_NORM_H
#define PB_CPU_NORM_H

#include "backends/cpu/kept.h"

typedef struct pb_cpu_norm {
    const float *gamma, *beta;
} pb_cpu_norm;

/* Makes call->kernel, to be released with pb_free. Errors: PB_MEMORY, PB_IO. */
pb_status pb_cpu_norm_prepare(pb_call *call, const pb_stored *gamma, const pb_stored *beta,
                              pb_error *error);

#endif
