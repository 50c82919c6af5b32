/* Stages: the iterates that an edit keeps. */
#ifndef PB_EDIT_STAGE_H
#define PB_EDIT_STAGE_H

#include <stddef.h>

/* The iterate of stage j = 1 … stages of N: round(j N / stages). */
static inline size_t pb_stage_iterate(size_t j, size_t N, size_t stages)
{
    return (2 * j * N + stages) / (2 * stages);
}

#endif
