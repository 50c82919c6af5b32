/* Measuring the passes of a linearisation: seconds, and where they go. */
#ifndef PB_MAP_MEASURE_H
#define PB_MAP_MEASURE_H

#include <pullback/map.h>

#include "backends/backend.h"
#include "base/error.h"

/* What the calls of one operation, computed in one manner, take in a run of a pass. */
typedef struct pb_measured_kind {
    const char *name, *manner; /* manner: NULL where there is only one */
    double seconds, flops;
} pb_measured_kind;

#define PB_MEASURED_KINDS 32

/* The median run of a pass for blocks of n vectors. */
typedef struct pb_measured {
    size_t n;
    double seconds; /* of the whole block */
    double flops;   /* of its convolutions and linear layers, counted as direct ones */
    size_t arena_bytes;
    size_t kinds;
    pb_measured_kind kind[PB_MEASURED_KINDS]; /* the longest first */
} pb_measured;

/* Runs a pass on n vectors (PB_FORWARD: n points; bf16: a linear pass of the bfloat16 operator) for
 * about `budget` seconds. Errors: PB_MEMORY, PB_INTERNAL. */
pb_status pb_measure_pass(pb_measured *measured, const pb_linearisation *linearisation,
                          pb_pass pass, size_t n, bool bf16, double budget, pb_error *error);

/* A linear pass on n vectors as the backend runs it, for what measures its parts; the
 * linearisation's, until it is asked for others. Errors: PB_MEMORY, PB_CANCELLED, PB_INTERNAL. */
pb_status pb_measured_program(const pb_program **program, const pb_linearisation *linearisation,
                              pb_pass pass, size_t n, pb_error *error);

#endif
