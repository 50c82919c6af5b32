/* Truncated singular value decomposition of a linear operator, with certified residuals.
 *
 * Given J (rows m, cols n) as an operator, finds the leading k triplets J v_i = sigma_i u_i,
 * J^T u_i = sigma_i v_i. Default: block Golub-Kahan-Lanczos bidiagonalisation with full
 * reorthogonalisation and thick restart (Golub, Luk & Overton 1981; Baglama & Reichel 2005).
 * For comparison: the subspace (block power) iteration of Park et al. 2023, algorithm 1.
 *
 *     pb_svd_options options = PB_SVD_DEFAULTS;
 *     options.rank = 50;
 *     pb_svd *svd;
 *     if (pb_svd_compute(&svd, &operator, &options, NULL, &error) != PB_OK)
 *         return fail(error.message);
 *     … svd->sigma[0], svd->v …
 *     pb_svd_free(svd);
 */
#ifndef PULLBACK_SVD_H
#define PULLBACK_SVD_H

#include <stdint.h>

#include <pullback/operator.h>
#include <pullback/run.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pb_svd_method {
    PB_SVD_KRYLOV,  /* block Golub-Kahan-Lanczos (the default) */
    PB_SVD_SUBSPACE /* the paper's subspace iteration */
} pb_svd_method;

/* How far it is: what the monitor of a run sees as progress.svd, after each block step. */
typedef struct pb_svd_progress {
    size_t applications;     /* columns that went through J or J^T so far */
    size_t max_applications; /* the limit, 0 for none */
    size_t converged;        /* leading triplets whose residual is <= tolerance */
    size_t rank;             /* triplets wanted */
    double residual_max;     /* the largest residual among the wanted ones; infinity before any */
} pb_svd_progress;

typedef struct pb_svd_options {
    size_t rank;      /* k: triplets wanted, 1 … min(m, n) */
    double tolerance; /* wanted residual r_i, relative to sigma_1 */
    pb_svd_method method;
    size_t block;            /* width of a block; 0: chosen from rank and the operator */
    size_t max_basis;        /* vectors kept before a restart; 0: chosen from the rank */
    size_t max_applications; /* stop when this many columns went through; 0: a generous limit */
    uint64_t seed;           /* of the random starting block */
    const float *start;      /* starting vectors in R^n (start_count,start_length), or NULL; of more
                                than a block's width, random combinations are taken */
    size_t start_count, start_length; /* start_length: n */
} pb_svd_options;

#define PB_SVD_DEFAULTS ((pb_svd_options){.rank = 10, .tolerance = 1e-3})
PB_API void pb_svd_options_init(pb_svd_options *options);

typedef struct pb_svd {
    size_t rows, cols; /* m, n of the operator */
    size_t rank;       /* triplets below */
    float *u;          /* rank vectors of m floats, one after the other: left singular vectors */
    float *v;          /* rank vectors of n floats: right ones; largest entry positive */
    double *sigma;     /* rank singular values, descending */
    /* r_i = sqrt(|J v_i - s_i u_i|^2 + |J^T u_i - s_i v_i|^2) / s_1, from the recurrence.
     * Some singular value lies within r_i s_1 / sqrt(2) of s_i. */
    double *residual;
    double *angle_bound; /* estimate of the angle between v_i and the true one: r_i s_1 / gap_i,
                            in radians, at most pi/2 */
    size_t converged;    /* leading triplets with residual <= tolerance; rank when all are */
    size_t applications; /* columns through J and J^T together */
    size_t applications_fast; /* those of them that pb_svd_refined sent through the fast operator */
    size_t steps;             /* block steps */
    size_t restarts;
    size_t block;            /* the block width used */
    double probe;            /* |J w| / sigma_k for one random unit w orthogonal to all v: a value
                                well above 1 would show a missed direction; 0 where there is none,
                                or the run was stopped before */
    double seconds;          /* in all */
    double seconds_operator; /* inside the operator */
} pb_svd;

/* Computes the leading triplets. If max_applications ends first, returns PB_OK with
 * converged < rank and the residuals reached; svd->rank may then be less than options->rank.
 * Where the run is stopped, returns PB_CANCELLED with the leading triplets that had converged at
 * the last block step, all of them certified as ever: svd->rank is their number, and *out NULL
 * where there are none. *out is owned by the caller (pb_svd_free), and NULL in any other case.
 * Errors: PB_INVALID (options outside their ranges, an operator of nothing, starting vectors of
 * another length), PB_MEMORY, PB_CANCELLED, PB_NUMERIC (NaN or infinity from the operator), or the
 * operator's own. */
PB_API pb_status pb_svd_compute(pb_svd **out, const pb_operator *op, const pb_svd_options *options,
                                const pb_run *run, pb_error *error);

PB_API void pb_svd_free(pb_svd *svd);

/* As pb_svd_compute, by two operators: `fast`, an approximation of `op` good to about two digits,
 * gives a rough basis; `op` certifies it, and refines it until every residual is within the
 * tolerance. All of the result belongs to `op`; a run that is stopped in the rough part leaves
 * nothing. Errors: as pb_svd_compute; PB_INVALID (operators of different sizes). */
PB_API pb_status pb_svd_refined(pb_svd **out, const pb_operator *fast, const pb_operator *op,
                                const pb_svd_options *options, const pb_run *run, pb_error *error);

/* Bytes that pb_svd_compute works in with the Krylov method, at most: for an operator of
 * rows x cols, a rank, and a block width (0: 8). */
PB_API size_t pb_svd_memory(size_t rows, size_t cols, size_t rank, size_t block);

/* Applies J and J^T to the triplets and writes the residuals so measured to residual[rank]
 * (relative to sigma_1). 2 * rank applications. Errors: as pb_svd_compute; PB_INVALID (an SVD of
 * another size than the operator, of a rank beyond it, or without u, v or sigma). */
PB_API pb_status pb_svd_verify(const pb_svd *svd, const pb_operator *op, double *residual,
                               const pb_run *run, pb_error *error);

/* How many of `count` singular values matter: (Σσ²)² / Σσ⁴, from 1 (one of them) to count (all are
 * equal). 0 where all are 0. */
PB_API double pb_effective_rank(size_t count, const double *sigma);

/* The largest of `count` residuals; 0 of none. */
PB_API double pb_largest_residual(size_t count, const double *residual);

#ifdef __cplusplus
}
#endif

#endif
