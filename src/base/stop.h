/* The wish to stop, as kernels and plans see it: a question that is asked now and then. */
#ifndef PB_BASE_STOP_H
#define PB_BASE_STOP_H

#include "base/error.h"

typedef struct pb_stop {
    int (*asked)(void *context); /* non-zero: stop; NULL: never */
    void *context;
} pb_stop;

/* PB_CANCELLED where whoever computes has been asked to stop, else PB_OK. stop: or NULL. To be
 * called from the thread that called the library only. */
static inline pb_status pb_stop_check(const pb_stop *stop, pb_error *error)
{
    return stop && stop->asked && stop->asked(stop->context)
               ? pb_fail(error, PB_CANCELLED, "cancelled")
               : PB_OK;
}

#endif
