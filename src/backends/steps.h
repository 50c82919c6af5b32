/* For backends whose memory the host can address: running a program step by step on the host's
 * threads. A block of such memory is its own address. */
#ifndef PB_BACKENDS_STEPS_H
#define PB_BACKENDS_STEPS_H

#include <omp.h>
#include <stdatomic.h>

#include "backends/backend.h"

/* pb_backend's alloc, free, run and sync. */
pb_memory *pb_steps_alloc(pb_device *device, size_t bytes);
void pb_steps_free(pb_device *device, pb_memory *memory);
pb_status pb_steps_run(pb_device *device, const pb_program *program, pb_memory *arena,
                       pb_memory *saved, const pb_stop *stop, pb_error *error);
pb_status pb_steps_sync(pb_device *device, pb_error *error);

/* The address of a place. */
static inline void *pb_steps_at(const pb_memory *memory, size_t offset)
{
    return offset == PB_NOWHERE ? NULL : (char *)(uintptr_t)memory + offset;
}

/* Is the rest of the call to be left out? *stopped, false at first, is its threads' in common: the
 * one that called the library asks, the others see what it was told. */
static inline bool pb_call_stopped(const pb_call *call, atomic_bool *stopped)
{
    if (omp_get_thread_num() == 0 && !atomic_load(stopped) &&
        pb_stop_check(call->stop, NULL) != PB_OK)
        atomic_store(stopped, true);
    return atomic_load(stopped);
}

/* What such a call returns. */
static inline pb_status pb_call_end(bool stopped, pb_error *error)
{
    return stopped ? pb_fail(error, PB_CANCELLED, "cancelled") : PB_OK;
}

#endif
