/* Measuring the algorithms of convolution on the shapes of a map. */
#ifndef PB_MAP_MEASURE_CONVOLUTIONS_H
#define PB_MAP_MEASURE_CONVOLUTIONS_H

#include "backends/cpu/algorithm.h"
#include "map/measure.h"

/* The distinct convolutions of a map, in both directions, for blocks of n vectors. Seconds are
 * infinite until measured. The array is the caller's (pb_free). Errors: PB_MEMORY, PB_INTERNAL. */
pb_status pb_list_convolutions(pb_cost **costs, size_t *count,
                               const pb_linearisation *linearisation, size_t n, pb_error *error);

/* Measures one of them by one algorithm (which must compute it), for about `budget` seconds.
 * cold: other data passes through the processor's own caches before each run, as it does in a
 * network. Errors: PB_MEMORY, PB_INTERNAL. */
pb_status pb_measure_convolution(pb_cost *cost, pb_algorithm algorithm,
                                 const pb_linearisation *linearisation, bool cold, double budget,
                                 pb_error *error);

#endif
