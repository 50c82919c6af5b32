/* Measuring the algorithms of convolution on what a pass convolves. */
#ifndef PB_CPU_TUNING_H
#define PB_CPU_TUNING_H

#include "backends/backend.h"
#include "backends/cpu/algorithm.h"

/* The distinct convolutions of a linear pass that this backend runs, which are added to an array of
 * *count, at first NULL, 0; seconds are infinite until measured. The array is the caller's
 * (pb_free), also on failure. Errors: PB_INVALID (another backend runs it), PB_MEMORY. */
pb_status pb_cpu_list_convolutions(pb_cost **costs, size_t *count, const pb_program *program,
                                   pb_error *error);

/* Measures one of them, of that program, by one algorithm (which must compute it), for about
 * `budget` seconds. cold: other data passes through the processor's own caches before each run, as
 * it does in a network. Errors: PB_MEMORY, PB_INTERNAL. */
pb_status pb_cpu_measure_convolution(pb_cost *cost, pb_algorithm algorithm,
                                     const pb_program *program, bool cold, double budget,
                                     pb_error *error);

#endif
