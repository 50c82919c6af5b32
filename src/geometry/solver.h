/* What both SVD methods share: the operator with its accounting, and blocks of vectors.
 *
 * Vectors are kept in double precision: the operator's float32 rounding is then the only error
 * there is. A block is an array of columns one after the other (column-major, as in LAPACK). */
#ifndef PB_GEOMETRY_SOLVER_H
#define PB_GEOMETRY_SOLVER_H

#include <pullback/svd.h>

#include "base/run.h"

typedef struct pb_solver {
    const pb_operator *op;
    const pb_svd_options *options;
    pb_work *work;
    size_t wanted;       /* triplets to converge: rank and, where there are more, two guards */
    size_t block;        /* width of a block */
    size_t limit;        /* applications allowed */
    size_t applications; /* columns through J and J^T so far */
    size_t steps, restarts;
    double seconds;  /* inside the operator */
    uint64_t random; /* state of the generator */
    float *in, *out; /* room for `room` vectors of the longer side */
    size_t room;
} pb_solver;

/* The outcome of a method: `count` approximate triplets. */
typedef struct pb_ritz {
    size_t count;
    double *u;        /* count columns of m */
    double *v;        /* count columns of n */
    double *sigma;    /* descending */
    double *residual; /* not yet divided by sigma[0] */
} pb_ritz;

/* Is it an operator that can be applied? Errors: PB_INVALID. */
pb_status pb_operator_check(const pb_operator *op, pb_error *error);

/* Are the options within their ranges, for this operator? Errors: PB_INVALID. */
pb_status pb_svd_options_check(const pb_svd_options *options, const pb_operator *op,
                               pb_error *error);

/* Has an SVD its triplets, and can it be the operator's? It may be of rank 0. Errors: PB_INVALID.
 */
pb_status pb_svd_check(const pb_svd *svd, const pb_operator *op, pb_error *error);

/* y = J x, or J^T x, for a block of k vectors. An operator that fails without a message gets one.
 */
pb_status pb_operator_multiply(const pb_operator *op, int transpose, size_t k, const float *x,
                               size_t ldx, float *y, size_t ldy, pb_error *error);

/* y = J x, or J^T x, for count columns. Errors: PB_NUMERIC (what is not finite), PB_MEMORY, the
 * operator's own. */
pb_status pb_solver_apply(pb_solver *s, int transpose, size_t count, const double *x, double *y,
                          pb_error *error);

/* Tells how far it is. sigma and residual: `count` of each. Errors: PB_CANCELLED. */
pb_status pb_solver_report(const pb_solver *s, size_t count, const double *sigma,
                           const double *residual, pb_error *error);

/* Are all wanted triplets within the tolerance? */
int pb_solver_converged(const pb_solver *s, size_t count, const double *sigma,
                        const double *residual);

/* Fills count numbers from the normal distribution. */
void pb_solver_random(pb_solver *s, size_t count, double *x);

/* Orthonormalises the `width` columns of `block` against the `p` orthonormal columns of `basis`
 * and among themselves, all of length n, by block Gram-Schmidt done twice (Barlow & Smoktunowicz
 * 2013):
 *
 *     block = basis C + Q R,   C: p x width (ldc), R: width x width upper triangular (ldr)
 *
 * and Q takes the block's place. A column that depends on the others has a zero row in R, and Q
 * gets a random direction for it. Needs p + width <= n. C and R may be NULL.
 * Errors: PB_MEMORY. */
pb_status pb_orthonormalise(pb_solver *s, size_t n, size_t p, const double *basis, size_t width,
                            double *block, double *c, size_t ldc, double *r, size_t ldr,
                            pb_error *error);

static inline size_t pb_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The methods. *ritz: count = wanted or fewer, to be freed with pb_ritz_clear, also on failure.
 * After PB_CANCELLED they are those of the last step that was whole, none before the first. */
pb_status pb_krylov(pb_solver *s, pb_ritz *ritz, pb_error *error);
size_t pb_krylov_memory(size_t rows, size_t cols, size_t wanted, size_t block);
pb_status pb_subspace(pb_solver *s, pb_ritz *ritz, pb_error *error);

pb_status pb_ritz_new(pb_ritz *ritz, size_t count, size_t m, size_t n, pb_error *error);
void pb_ritz_clear(pb_ritz *ritz);

#endif
