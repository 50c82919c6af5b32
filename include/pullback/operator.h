/* A linear operator: what the SVD, the transports and the studies see of a network.
 *
 * J : R^cols -> R^rows acts on blocks of k vectors. Vector j of a block is contiguous at
 * x + j * ldx. Operators made by pb_linearise take vectors in the engine's order
 * (H, W, C; C fastest); files and the rest of this API use C, H, W.
 */
#ifndef PULLBACK_OPERATOR_H
#define PULLBACK_OPERATOR_H

#include <stddef.h>

#include <pullback/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* y_j = A x_j for j = 0 … k-1. The arrays do not overlap. Returns 0, or any other number to stop
 * whoever called; that number is passed on. */
typedef int (*pb_operator_apply)(void *context, size_t k, const float *x, size_t ldx, float *y,
                                 size_t ldy);

typedef struct pb_operator {
    size_t rows;            /* m: length of J v */
    size_t cols;            /* n: length of J^T u */
    size_t block_preferred; /* the width at which a vector is cheapest; 0: no preference */
    size_t block_max;       /* the widest block accepted; 0: any */
    void *context;
    pb_operator_apply apply;           /* J : cols -> rows */
    pb_operator_apply apply_transpose; /* J^T : rows -> cols */
} pb_operator;

#ifdef __cplusplus
}
#endif

#endif
