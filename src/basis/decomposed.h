/* What is decomposed into a basis: the map that a request asks for, linearised at a point; guided,
 * under its mask, and clear of the rest's leading directions, as far as it says. */
#ifndef PB_BASIS_DECOMPOSED_H
#define PB_BASIS_DECOMPOSED_H

#include <pullback/basis.h>

#include "base/error.h"

/* Vectors are in H, W, C order, as the engine's (map/linearisation.h). */
typedef struct pb_decomposed {
    const pb_operator *op; /* the one; what it is made of is below */
    size_t from[3], to[3]; /* (C,H,W) of what it takes and gives */
    pb_linearisation *l, *negative;
    pb_operator *guided, *masked, *rest, *deflated;
    float *null; /* null_count directions that it is clear of */
    size_t null_count;
} pb_decomposed;

#define PB_DECOMPOSED_EMPTY ((pb_decomposed){.op = NULL})

/* The map linearised at x, and nothing else yet. *d must be empty; pb_decomposed_clear frees it,
 * also on failure. The run is kept. Errors: those of pb_linearise. */
pb_status pb_decomposed_begin(pb_decomposed *d, const pb_model *model,
                              const pb_basis_request *request, const pb_tensor *x,
                              const pb_run *run, pb_error *error);

/* The rest of what the same request asks for. Errors: those of pb_basis_compute of a mask, a null
 * rank and guidance. */
pb_status pb_decomposed_restrict(pb_decomposed *d, const pb_model *model,
                                 const pb_basis_request *request, const pb_tensor *x,
                                 const pb_run *run, pb_error *error);

void pb_decomposed_clear(pb_decomposed *d);

#endif
