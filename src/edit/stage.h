/* What ways of editing share: directions that are checked, and stages, the iterates that are kept.
 */
#ifndef PB_EDIT_STAGE_H
#define PB_EDIT_STAGE_H

#include <stddef.h>

#include <pullback/error.h>

/* Are v `count` unit vectors of size floats, to 1e-3? Errors: PB_INVALID. */
pb_status pb_directions_check(size_t size, size_t count, const float *v, pb_error *error);

/* The iterate of stage j = 1 … stages of N: round(j N / stages). */
static inline size_t pb_stage_iterate(size_t j, size_t N, size_t stages)
{
    return (2 * j * N + stages) / (2 * stages);
}

#endif
