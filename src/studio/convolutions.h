/* The algorithms of convolution, measured on the shapes of a map: for a benchmark. */
#ifndef PB_STUDIO_CONVOLUTIONS_H
#define PB_STUDIO_CONVOLUTIONS_H

#include <pullback/map.h>

#include "backends/cpu/tuning.h"

/* The distinct convolutions of a map, in both directions, for blocks of n vectors. Seconds are
 * infinite until measured. The array is the caller's (pb_free). Errors: PB_INVALID (the model's
 * backend is not "cpu"), PB_MEMORY, PB_CANCELLED, PB_INTERNAL. */
pb_status pb_list_convolutions(pb_cost **costs, size_t *count,
                               const pb_linearisation *linearisation, size_t n, pb_error *error);

/* Measures one of them, as pb_cpu_measure_convolution does. */
pb_status pb_measure_convolution(pb_cost *cost, pb_algorithm algorithm,
                                 const pb_linearisation *linearisation, bool cold, double budget,
                                 pb_error *error);

#endif
