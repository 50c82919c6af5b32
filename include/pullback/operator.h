/* A linear operator: what the SVD, the transports and the studies see of a network.
 *
 *     J : R^cols -> R^rows        J^T : R^rows -> R^cols
 *
 * It is a table of two functions that act on blocks of vectors, and of what they need: that of a
 * network comes from pb_linearisation_operator (map.h), one of your own is filled in by hand:
 *
 *     static pb_status apply(void *context, size_t k, const float *x, size_t ldx, float *y,
 *                            size_t ldy, pb_error *error)
 *     {
 *         const struct matrix *a = context;
 *         if (!a->sound) {
 *             snprintf(error->message, sizeof error->message, "a matrix of nothing");
 *             return PB_NUMERIC;                 // which fills error->status in
 *         }
 *         for (size_t j = 0; j < k; j++)
 *             multiply(a, x + j * ldx, y + j * ldy);
 *         return PB_OK;
 *     }
 *
 *     pb_operator op = {.rows = a.m, .cols = a.n, .context = &a,
 *                       .apply = apply, .apply_transpose = apply_transpose};
 *
 * The structure is the caller's, and so is what `context` points to; both must stay where they are
 * as long as somebody uses the operator. Nothing here writes to it.
 */
#ifndef PULLBACK_OPERATOR_H
#define PULLBACK_OPERATOR_H

#include <stddef.h>

#include <pullback/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/* y_j = A x_j for j = 0 … k-1, k at least 1 and at most block_max. Vector x_j has its numbers one
 * after the other from x + j * ldx on, y_j from y + j * ldy on; ldx and ldy, in floats, are at
 * least the lengths of the vectors, and what lies between two of them is left alone. x and y do not
 * overlap. The entries of a network's tensors are in C, H, W order, as everywhere.
 *
 * Returns PB_OK, or fails with a message in *error, which is never NULL: whoever called stops, and
 * passes both on. PB_CANCELLED stops quietly. Should it fail without a message, one is made.
 *
 * It is called by one thread at a time, the one that called the library, and may use others. */
typedef pb_status (*pb_operator_apply)(void *context, size_t k, const float *x, size_t ldx,
                                       float *y, size_t ldy, pb_error *error);

typedef struct pb_operator {
    size_t rows;             /* m: length of J v; 1 … 2^28 */
    size_t cols;             /* n: length of J^T u; likewise */
    size_t block_preferred;  /* the width k at which a vector is cheapest; 0: no preference */
    size_t block_max;        /* the widest block accepted; 0: any */
    void *context;           /* what both functions are given */
    pb_operator_apply apply; /* J : x_j of cols floats, y_j of rows */
    pb_operator_apply apply_transpose; /* J^T : x_j of rows floats, y_j of cols */
} pb_operator;

/* -- operators made of others -------------------------------------------------------------------
 * Each holds a pointer to the operator that it is made of, which must outlive it, and copies the
 * arrays given. It works in a block of vectors of its own: one thread at a time. It fails as the
 * operators below do. The caller frees *out with pb_operator_free, which leaves those alone. */

/* diag(weights) A: row i of A times weights[i]. rows: how many weights there are, op->rows. Errors:
 * PB_INVALID (another number of weights, an operator of nothing), PB_MEMORY. */
PB_API pb_status pb_operator_weigh(pb_operator **out, const pb_operator *op, size_t rows,
                                   const float *weights, pb_error *error);

/* A (I - N N^T): A on the complement of the span of `count` orthonormal vectors N (count,cols), one
 * after the other, cols = op->cols; at most that many. Its right singular vectors are orthogonal to
 * N. Errors: PB_INVALID (vectors of another length, too many), PB_MEMORY. */
PB_API pb_status pb_operator_deflate(pb_operator **out, const pb_operator *op, size_t count,
                                     size_t cols, const float *vectors, pb_error *error);

/* scale A + other_scale B, of equal rows and cols. Errors: PB_INVALID (other sizes, a scale that is
 * not finite), PB_MEMORY. */
PB_API pb_status pb_operator_sum(pb_operator **out, double scale, const pb_operator *op,
                                 double other_scale, const pb_operator *other, pb_error *error);

/* Of one that a function above made; NULL is allowed. */
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
 * own. */
PB_API pb_status pb_least_squares(pb_solution *solution, size_t cols, float *x,
                                  const pb_operator *op, size_t rows, const float *b,
                                  double damping, double tolerance, size_t most, const pb_run *run,
                                  pb_error *error);

#ifdef __cplusplus
}
#endif

#endif
