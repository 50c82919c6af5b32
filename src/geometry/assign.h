/* The assignment problem. */
#ifndef PB_GEOMETRY_ASSIGN_H
#define PB_GEOMETRY_ASSIGN_H

#include <stddef.h>

#include "base/error.h"

/* The permutation that maximises sum_i gain[i * k + match[i]]: match[i] is the column given to row
 * i (Hungarian algorithm with potentials, O(k^3); Kuhn 1955, Jonker & Volgenant 1987). Errors:
 * PB_MEMORY. */
pb_status pb_assign(size_t k, const double *gain, size_t *match, pb_error *error);

#endif
