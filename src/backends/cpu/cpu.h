/* The processor: float32, oneDNN and kernels of our own, on all of OpenMP's threads. */
#ifndef PB_CPU_CPU_H
#define PB_CPU_CPU_H

#include <pthread.h>
#include <stdatomic.h>

#include "backends/backend.h"
#include "backends/cpu/algorithm.h"

extern const pb_backend pb_cpu_backend;

/* Chains of weights kept, by their addresses. */
#define PB_CPU_CHAINS 256

/* Its device: what the convolutions of one model share, and the weights in the layouts of the
 * kernels; those of oneDNN's are its own. */
typedef struct pb_cpu {
    pb_device device;
    pb_onednn *dnn;
    pb_costs *costs;             /* NULL: the choice that is built in */
    _Atomic size_t packed_bytes; /* of weights for Winograd's algorithm and im2row */
    pthread_mutex_t mutex;       /* guards: */
    struct pb_cpu_kept *kept[PB_CPU_CHAINS];
} pb_cpu;

#endif
