/* A linear operator: what the SVD, the transports and the studies see of a network.
 *
 * J : R^cols -> R^rows acts on blocks of k vectors. Vector j of a block is contiguous at
 * x + j * ldx. Operators made by pb_linearise take vectors in the engine's order
 * (H, W, C; C fastest); files and the rest of this API use C, H, W.
 */
#ifndef PULLBACK_OPERATOR_H
#define PULLBACK_OPERATOR_H

#include <stddef.h>

#include <pullback/run.h>

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

    /* NULL, or fills *error with why the last of these stopped; its status is the number returned.
     * Whoever called passes it on. Not called otherwise. */
    void (*explain)(void *context, pb_error *error);
} pb_operator;

/* -- operators made of others -------------------------------------------------------------------
 * They hold a pointer to the operator they are made of, which must outlive them, copy the arrays
 * given, and are used by one thread at a time. */

/* diag(weights) A: row i of A times weights[i]. rows: how many weights there are, op->rows. The
 * caller frees *out with pb_operator_free. Errors: PB_INVALID (another number of weights, an
 * operator of nothing), PB_MEMORY. */
PB_API pb_status pb_operator_weigh(pb_operator **out, const pb_operator *op, size_t rows,
                                   const float *weights, pb_error *error);

/* A (I - N N^T): A on the complement of the span of `count` orthonormal vectors N (count,cols),
 * cols = op->cols; at most that many. Its right singular vectors are orthogonal to N. Errors:
 * PB_INVALID (vectors of another length, too many), PB_MEMORY. */
PB_API pb_status pb_operator_deflate(pb_operator **out, const pb_operator *op, size_t count,
                                     size_t cols, const float *vectors, pb_error *error);

/* scale A + other_scale B, of equal sizes. Errors: PB_INVALID, PB_MEMORY. */
PB_API pb_status pb_operator_sum(pb_operator **out, double scale, const pb_operator *op,
                                 double other_scale, const pb_operator *other, pb_error *error);

PB_API void pb_operator_free(pb_operator *op);

/* -- least squares ------------------------------------------------------------------------------
 */

typedef struct pb_solution {
    size_t iterations; /* each is one application of A and one of A^T */
    double residual;   /* |A x - b| / |b| */
    double norm;       /* |x| */
    double optimality; /* |A^T (b - A x) - damping^2 x| / (|A|_F |r|), by the recurrence */
} pb_solution;

/* The pre-image of b (rows floats) under A: x (cols floats) that minimises
 * |A x - b|^2 + damping^2 |x|^2, by LSQR (Paige & Saunders 1982). rows and cols are the lengths of
 * b and x, and must be the operator's. Ends when the optimality is below `tolerance` or after
 * `most` iterations (0: 200). Errors: PB_INVALID (other lengths, a damping that is negative or not
 * finite, a tolerance that is negative or NaN), PB_MEMORY, PB_CANCELLED, PB_NUMERIC, the operator's
 * own return. */
PB_API pb_status pb_least_squares(pb_solution *solution, size_t cols, float *x,
                                  const pb_operator *op, size_t rows, const float *b,
                                  double damping, double tolerance, size_t most, const pb_run *run,
                                  pb_error *error);

#ifdef __cplusplus
}
#endif

#endif
