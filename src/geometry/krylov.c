/* Block Golub-Kahan-Lanczos bidiagonalisation with full reorthogonalisation and thick restart
 * (Golub, Luk & Overton 1981; Baglama & Reichel 2005).
 *
 * Orthonormal bases V (n x pv) and U (m x pu) grow block by block. With V+ the block that comes
 * after V, every step keeps
 *
 *     J V    = U B                               (B = U^T J V, measured as U is orthogonalised)
 *     J^T U  = V G + V+ S E^T                    (G = V^T J^T U, measured likewise; S: last block)
 *
 * In exact arithmetic G = B^T; the operator's rounding makes a difference, and the residual below
 * counts it. From the small SVD B = P Sigma Q^T come the approximate triplets u = U p, v = V q:
 *
 *     J v - sigma u      = 0
 *     J^T u - sigma v    = V (G p - sigma q) + V+ S p_last
 *
 * so that |J^T u - sigma v|^2 = |G p - sigma q|^2 + |S p_last|^2 needs no further application.
 * When the bases are full they are replaced by the leading triplets (U P_k, V Q_k), B by
 * diag(sigma): J V+ then has components along all of U, which the orthogonalisation measures, and
 * the recurrence goes on. */
#include "geometry/solver.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "geometry/small.h"
#include "geometry/vectors.h"

/* Room for a basis of few triplets, so that it seldom restarts. */
#define LEAST ((size_t)96)

typedef struct krylov {
    pb_solver *s;
    size_t m, n;
    size_t room;   /* columns V and U have room for, and the order of the small matrices */
    double *v, *u; /* v: pv columns and after them the block V+ */
    size_t pv, pu;
    size_t width;                               /* columns of V+ */
    size_t last;                                /* columns of U's last block, which V+ came from */
    double *b;                                  /* room x room; pu x pv in use */
    double *g;                                  /* room x room; pv x pu in use */
    double *coupling;                           /* S: width x last, leading dimension width */
    double *p, *q, *sigma, *residual, *scratch; /* the small SVD */
    size_t count;                               /* triplets there */
    size_t of_u, of_v;                          /* columns of U and V that they are made of */
} krylov;

static void clear(krylov *k)
{
    double *arrays[] = {k->v, k->u, k->b,     k->g,        k->coupling,
                        k->p, k->q, k->sigma, k->residual, k->scratch};

    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        pb_free(arrays[i]);
}

static pb_status allocate(krylov *k, pb_error *error)
{
    size_t room = k->room, block = k->s->block, square = room * room;
    size_t longest = k->m > k->n ? k->m : k->n;
    size_t work = longest * room > square ? longest * room : square;

    k->v = pb_malloc(k->n * (room + block), sizeof *k->v);
    k->u = pb_malloc(k->m * room, sizeof *k->u);
    k->b = pb_calloc(square, sizeof *k->b);
    k->g = pb_calloc(square, sizeof *k->g);
    k->coupling = pb_calloc(block * block, sizeof *k->coupling);
    k->p = pb_malloc(square, sizeof *k->p);
    k->q = pb_malloc(square, sizeof *k->q);
    k->sigma = pb_calloc(room, sizeof *k->sigma);
    k->residual = pb_calloc(room, sizeof *k->residual);
    k->scratch = pb_malloc(work, sizeof *k->scratch);
    if (k->v && k->u && k->b && k->g && k->coupling && k->p && k->q && k->sigma && k->residual &&
        k->scratch)
        return PB_OK;
    return pb_fail_memory(error, (k->n + k->m) * room * sizeof *k->v, "Lanczos vectors");
}

/* -- one step -------------------------------------------------------------------------------- */

/* V takes V+ in; U grows by J V+. */
static pb_status grow_u(krylov *k, pb_error *error)
{
    size_t width = pb_least(k->width, k->m - k->pu); /* of U's new block */
    double *block = k->u + k->m * k->pu, *images = k->scratch;
    double *column = k->b + k->room * k->pv;

    PB_TRY(pb_solver_apply(k->s, 0, k->width, k->v + k->n * k->pv, images, error));
    if (width < k->width) { /* U fills the whole space: first its last directions, then C = U^T W */
        memcpy(block, images, k->m * width * sizeof *block);
        PB_TRY(pb_orthonormalise(k->s, k->m, k->pu, k->u, width, block, NULL, 0, NULL, 0, error));
        pb_inner_products(k->m, k->pu + width, k->u, k->width, images, column, k->room);
    } else {
        memcpy(block, images, k->m * width * sizeof *block);
        PB_TRY(pb_orthonormalise(k->s, k->m, k->pu, k->u, width, block, column, k->room,
                                 column + k->pu, k->room, error));
    }
    k->pv += k->width;
    k->pu += width;
    k->last = width;
    return PB_OK;
}

/* V+ is what J^T of U's last block has outside V. */
static pb_status grow_v(krylov *k, pb_error *error)
{
    size_t first = k->pu - k->last, block = k->s->block;
    size_t width = pb_least(k->last, k->n - k->pv);
    double *next = k->v + k->n * k->pv, *images = k->scratch;
    double *column = k->g + k->room * first;

    memset(k->coupling, 0, block * block * sizeof *k->coupling);
    if (k->last == 0) {
        k->width = 0;
        return PB_OK;
    }
    PB_TRY(pb_solver_apply(k->s, 1, k->last, k->u + k->m * first, images, error));
    /* G for what V holds; the rest is J^T U less V G. */
    pb_inner_products(k->n, k->pv, k->v, k->last, images, column, k->room);
    memcpy(next, images, k->n * width * sizeof *next);
    PB_TRY(pb_orthonormalise(k->s, k->n, k->pv, k->v, width, next, NULL, 0, NULL, 0, error));
    pb_inner_products(k->n, width, next, k->last, images, k->coupling, block);
    k->width = width;
    return PB_OK;
}

/* The small SVD, and the residuals of its leading triplets. */
static pb_status solve(krylov *k, pb_error *error)
{
    size_t pu = k->pu, pv = k->pv, first = pu - k->last, block = k->s->block;

    k->count = pb_least(pu, pv);
    k->of_u = pu;
    k->of_v = pv;
    for (size_t j = 0; j < pv; j++)
        memcpy(k->scratch + j * pu, k->b + j * k->room, pu * sizeof *k->b);
    PB_TRY(pb_small_svd(pu, pv, k->scratch, pu, k->p, k->sigma, k->q, error));
    for (size_t i = 0; i < pb_least(k->count, k->s->wanted); i++) {
        const double *p = k->p + i * pu, *q = k->q + i * pv;
        double square = 0;

        memcpy(k->scratch, q, pv * sizeof *q);
        cblas_dgemv(CblasColMajor, CblasNoTrans, (int)pv, (int)pu, 1.0, k->g, (int)k->room, p, 1,
                    -k->sigma[i], k->scratch, 1);
        for (size_t j = 0; j < pv; j++)
            square += k->scratch[j] * k->scratch[j];
        for (size_t r = 0; r < k->width; r++) {
            double sum = 0;
            for (size_t c = 0; c < k->last; c++)
                sum += k->coupling[c * block + r] * p[first + c];
            square += sum * sum;
        }
        k->residual[i] = sqrt(square);
    }
    return PB_OK;
}

/* -- restart and end ------------------------------------------------------------------------- */

/* The leading columns of U and V are triplets themselves. */
static void name_columns(krylov *k, size_t keep)
{
    memset(k->p, 0, keep * keep * sizeof *k->p);
    memset(k->q, 0, keep * keep * sizeof *k->q);
    for (size_t i = 0; i < keep; i++)
        k->p[i * keep + i] = k->q[i * keep + i] = 1;
    k->count = k->of_u = k->of_v = keep;
}

/* Replaces the bases by the `keep` leading triplets; V+ stays. */
static void restart(krylov *k, size_t keep)
{
    size_t pu = k->pu, pv = k->pv, room = k->room, block = k->s->block;

    /* G <- Q^T G P, through scratch; the coupling S p_last becomes that of all kept columns, which
     * the next J V+ measures again as a part of B. */
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, (int)pv, (int)keep, (int)pu, 1.0, k->g,
                (int)room, k->p, (int)pu, 0.0, k->scratch, (int)pv);
    memset(k->g, 0, room * room * sizeof *k->g);
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, (int)keep, (int)keep, (int)pv, 1.0, k->q,
                (int)pv, k->scratch, (int)pv, 0.0, k->g, (int)room);
    /* Rows of G that V+ will have once V takes it in: S p_last. */
    for (size_t i = 0; i < keep; i++)
        for (size_t r = 0; r < k->width; r++) {
            double sum = 0;
            for (size_t c = 0; c < k->last; c++)
                sum += k->coupling[c * block + r] * k->p[i * pu + pu - k->last + c];
            k->g[i * room + keep + r] = sum;
        }
    memset(k->b, 0, room * room * sizeof *k->b);
    for (size_t i = 0; i < keep; i++)
        k->b[i * room + i] = k->sigma[i];
    pb_combine(k->m, pu, k->u, keep, k->p, k->scratch);
    memcpy(k->u, k->scratch, k->m * keep * sizeof *k->u);
    pb_combine(k->n, pv, k->v, keep, k->q, k->scratch);
    memcpy(k->v, k->scratch, k->n * keep * sizeof *k->v);
    memmove(k->v + k->n * keep, k->v + k->n * pv, k->n * k->width * sizeof *k->v);
    k->pu = k->pv = keep;
    name_columns(k, keep);
    k->s->restarts++;
}

/* The starting block: the vectors given and random ones for the rest; of more than a block's width,
 * random combinations, so that each of them has a part in it. */
static pb_status start(krylov *k, pb_error *error)
{
    const pb_svd_options *o = k->s->options;
    size_t given = o->start ? o->start_count : 0;

    k->width = pb_least(k->s->block, k->n);
    pb_solver_random(k->s, k->n * k->width, k->v);
    for (size_t j = 0; j < k->width && (j < given || given > k->width); j++) {
        double *column = k->v + j * k->n;
        memset(column, 0, k->n * sizeof *column);
        for (size_t i = 0; i < given; i++) {
            double weight = given <= k->width ? i == j : 0;
            if (given > k->width)
                pb_solver_random(k->s, 1, &weight);
            for (size_t l = 0; weight != 0 && l < k->n; l++)
                column[l] += weight * (double)o->start[i * k->n + l];
        }
    }
    return pb_orthonormalise(k->s, k->n, 0, NULL, k->width, k->v, NULL, 0, NULL, 0, error);
}

static pb_status iterate(krylov *k, pb_error *error)
{
    pb_solver *s = k->s;
    size_t before; /* rows of G that V gets by taking V+ in */

    PB_TRY(start(k, error));
    for (;;) {
        before = k->pv;
        /* G's rows for V+: the coupling of the last block (a restart has placed its own). */
        if (k->last)
            for (size_t c = 0; c < k->last; c++)
                for (size_t r = 0; r < k->width; r++)
                    k->g[(k->pu - k->last + c) * k->room + before + r] =
                        k->coupling[c * s->block + r];
        PB_TRY(grow_u(k, error));
        PB_TRY(grow_v(k, error));
        s->steps++;
        if (pb_least(k->pu, k->pv) >= s->wanted || k->width == 0) {
            PB_TRY(solve(k, error));
            PB_TRY(pb_solver_report(s, k->count, k->sigma, k->residual, error));
            if (k->width == 0 || pb_solver_converged(s, k->count, k->sigma, k->residual))
                return PB_OK;
        } else
            PB_TRY(pb_solver_report(s, 0, NULL, NULL, error));
        if (s->applications + 2 * k->width > s->limit) {
            if (pb_least(k->pu, k->pv) < s->wanted)
                PB_TRY(solve(k, error));
            return PB_OK;
        }
        if (k->pv + k->width > k->room) {
            size_t keep = s->wanted + (k->room - s->wanted) / 4;
            restart(k, pb_least(pb_least(keep, k->count), k->room - k->width));
            k->last = 0;
        }
    }
}

/* Columns that a basis has room for. */
static size_t default_room(size_t wanted)
{
    return LEAST + 4 * wanted;
}

size_t pb_krylov_memory(size_t rows, size_t cols, size_t wanted, size_t block)
{
    size_t room = default_room(wanted), longest = rows > cols ? rows : cols;
    size_t square = room * room, work = longest * room > square ? longest * room : square;
    size_t doubles = cols * (room + block) + rows * room + 4 * square + work;

    return doubles * sizeof(double) + 2 * block * longest * sizeof(float);
}

/* The triplets as they were found last: what the bases have grown by since is not part of them. */
static pb_status give(const krylov *k, pb_ritz *ritz, pb_error *error)
{
    PB_TRY(pb_ritz_new(ritz, pb_least(k->count, k->s->wanted), k->m, k->n, error));
    pb_combine(k->m, k->of_u, k->u, ritz->count, k->p, ritz->u);
    pb_combine(k->n, k->of_v, k->v, ritz->count, k->q, ritz->v);
    memcpy(ritz->sigma, k->sigma, ritz->count * sizeof *ritz->sigma);
    memcpy(ritz->residual, k->residual, ritz->count * sizeof *ritz->residual);
    return PB_OK;
}

pb_status pb_krylov(pb_solver *s, pb_ritz *ritz, pb_error *error)
{
    size_t m = s->op->rows, n = s->op->cols, wanted = s->wanted;
    size_t most = s->options->max_basis ? s->options->max_basis : default_room(wanted);
    krylov k = {.s = s, .m = m, .n = n};
    pb_status status;

    if (most < wanted + 2 * s->block)
        most = wanted + 2 * s->block; /* less could not move */
    k.room = pb_least(most, n);
    status = allocate(&k, error);
    if (status == PB_OK)
        status = iterate(&k, error);
    if (status == PB_OK || (status == PB_CANCELLED && k.count)) {
        pb_status given = give(&k, ritz, error);
        status = given == PB_OK ? status : given;
    }
    clear(&k);
    return status;
}
