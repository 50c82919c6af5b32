/* Subspace iteration (block power iteration), Park et al. 2023, algorithm 1, for comparison:
 *
 *     J V = Q R,  R = P Sigma G^T,  u = Q p,  v = V g        (Rayleigh-Ritz)
 *     Z = J^T Q,  |J^T u - sigma v| = |Z p - sigma v|        (the certificate)
 *     V <- orthonormal basis of Z
 *
 * The published code compares the entries of singular vectors from one iteration to the next to
 * decide when to stop; here the residuals decide, so that both methods can be compared. */
#include "geometry/solver.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "geometry/small.h"
#include "geometry/vectors.h"

typedef struct subspace {
    pb_solver *s;
    size_t m, n, k;
    double *v, *q;     /* n x k, m x k */
    double *z;         /* n x k: J^T Q */
    double *r, *p, *g; /* k x k */
} subspace;

/* The triplets of one iteration, and their residuals. */
static pb_status rayleigh_ritz(subspace *b, pb_ritz *ritz, pb_error *error)
{
    size_t m = b->m, n = b->n, k = b->k;

    PB_TRY(pb_solver_apply(b->s, 0, k, b->v, b->q, error));
    memset(b->r, 0, k * k * sizeof *b->r);
    PB_TRY(pb_orthonormalise(b->s, m, 0, NULL, k, b->q, NULL, 0, b->r, k, error));
    PB_TRY(pb_solver_apply(b->s, 1, k, b->q, b->z, error));
    PB_TRY(pb_small_svd(k, k, b->r, k, b->p, ritz->sigma, b->g, error));
    pb_combine(m, k, b->q, k, b->p, ritz->u);
    pb_combine(n, k, b->v, k, b->g, ritz->v);
    pb_combine(n, k, b->z, k, b->p, b->v); /* J^T u, for a moment */
    for (size_t i = 0; i < k; i++) {
        double square = 0;
        for (size_t j = 0; j < n; j++) {
            double d = b->v[i * n + j] - ritz->sigma[i] * ritz->v[i * n + j];
            square += d * d;
        }
        ritz->residual[i] = sqrt(square);
    }
    return PB_OK;
}

static pb_status iterate(subspace *b, pb_ritz *ritz, pb_error *error)
{
    pb_solver *s = b->s;
    const pb_svd_options *o = s->options;
    size_t given = o->start ? o->start_count : 0;

    pb_solver_random(s, b->n * b->k, b->v);
    for (size_t i = 0; i < (given < b->k ? given : b->k) * b->n; i++)
        b->v[i] = (double)o->start[i];
    for (;;) {
        PB_TRY(pb_orthonormalise(s, b->n, 0, NULL, b->k, b->v, NULL, 0, NULL, 0, error));
        PB_TRY(rayleigh_ritz(b, ritz, error));
        s->steps++;
        PB_TRY(pb_solver_report(s, b->k, ritz->sigma, ritz->residual, error));
        if (pb_solver_converged(s, b->k, ritz->sigma, ritz->residual) ||
            s->applications + 2 * b->k > s->limit)
            return PB_OK;
        memcpy(b->v, b->z, b->n * b->k * sizeof *b->v);
    }
}

pb_status pb_subspace(pb_solver *s, pb_ritz *ritz, pb_error *error)
{
    size_t m = s->op->rows, n = s->op->cols, k = s->wanted;
    subspace b = {.s = s, .m = m, .n = n, .k = k};
    pb_status status;

    b.v = pb_calloc(n * k, sizeof *b.v);
    b.q = pb_calloc(m * k, sizeof *b.q);
    b.z = pb_calloc(n * k, sizeof *b.z);
    b.r = pb_calloc(k * k, sizeof *b.r);
    b.p = pb_calloc(k * k, sizeof *b.p);
    b.g = pb_calloc(k * k, sizeof *b.g);
    if (b.v && b.q && b.z && b.r && b.p && b.g)
        status = pb_ritz_new(ritz, k, m, n, error);
    else
        status = pb_fail_memory(error, (2 * n + m) * k * sizeof *b.v, "a subspace");
    if (status == PB_OK)
        status = iterate(&b, ritz, error);
    if (s->steps == 0)
        ritz->count = 0;
    pb_free(b.v);
    pb_free(b.q);
    pb_free(b.z);
    pb_free(b.r);
    pb_free(b.p);
    pb_free(b.g);
    return status;
}
