/* What the convolutions of one model share. */
#ifndef PB_OPS_CONVOLVER_H
#define PB_OPS_CONVOLVER_H

#include <stdatomic.h>

#include "ops/algorithm.h"

typedef struct pb_convolver {
    pb_onednn *dnn;
    pb_costs *costs;             /* NULL: the choice that is built in */
    _Atomic size_t packed_bytes; /* of weights for Winograd's algorithm and im2row */
} pb_convolver;

/* Errors: PB_MEMORY, PB_INTERNAL. */
pb_status pb_convolver_new(pb_convolver **out, pb_error *error);
void pb_convolver_free(pb_convolver *convolver);

/* Bytes of all weights in the layouts that the algorithms read. */
size_t pb_convolver_packed_bytes(pb_convolver *convolver);

#endif
