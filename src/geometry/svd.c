#include <pullback/svd.h>

#include <math.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/shape.h"
#include "geometry/solver.h"
#include "geometry/vectors.h"

#define DEFAULT_BLOCK 8

/* Triplets beyond the rank that are converged too, so that no leading one is missed and the last
 * gap is known. */
#define GUARDS 2

/* -- options --------------------------------------------------------------------------------- */

void pb_svd_options_init(pb_svd_options *options)
{
    if (options)
        *options = PB_SVD_DEFAULTS;
}

pb_status pb_svd_options_check(const pb_svd_options *o, const pb_operator *op, pb_error *error)
{
    size_t most;

    PB_TRY(pb_operator_check(op, error));
    PB_NEED(o, "options");
    most = pb_least(op->rows, op->cols);
    if (o->rank == 0 || o->rank > most)
        return pb_fail(error, PB_INVALID, "rank %zu of a %zu x %zu operator: expected 1 to %zu",
                       o->rank, op->rows, op->cols, most);
    if (!(o->tolerance > 0) || o->tolerance > 1)
        return pb_fail(error, PB_INVALID, "tolerance %g: expected more than 0 and at most 1",
                       o->tolerance);
    if (o->method != PB_SVD_KRYLOV && o->method != PB_SVD_SUBSPACE)
        return pb_fail(error, PB_INVALID, "method %d is not known", (int)o->method);
    if (o->start && (o->start_count == 0 || o->start_length != op->cols))
        return pb_fail(error, PB_INVALID,
                       "%zu starting vectors of %zu numbers for an operator of %zu x %zu",
                       o->start_count, o->start_length, op->rows, op->cols);
    if (!o->start)
        return PB_OK;
    PB_TRY(pb_count_check(o->start_count, o->start_length, 1, "starting vectors", error));
    for (size_t i = 0; i < o->start_count * o->start_length; i++)
        if (!isfinite(o->start[i]))
            return pb_fail(error, PB_INVALID, "starting vector %zu is not finite",
                           i / o->start_length);
    return PB_OK;
}

/* A vector is cheaper in a wide block, but a wide block needs more of them: about three of its
 * widths more. A sixth of the triplets wanted is near the best for both (docs/performance.md). */
#define SHARE 6

static pb_status start_solver(pb_solver *s, const pb_operator *op, const pb_svd_options *o,
                              pb_work *work, pb_error *error)
{
    size_t wanted = pb_least(o->rank + GUARDS, pb_least(op->rows, op->cols));
    size_t preferred = op->block_preferred ? op->block_preferred : DEFAULT_BLOCK;
    size_t block = o->block ? o->block : pb_least(preferred, (wanted + SHARE - 1) / SHARE);
    size_t longest = op->rows > op->cols ? op->rows : op->cols;

    *s = (pb_solver){
        .op = op,
        .options = o,
        .work = work,
        .wanted = wanted,
        .block = pb_least(block, wanted),
        .limit = o->max_applications ? o->max_applications : 2000 + 200 * wanted,
        .random = o->seed,
    };
    /* The whole block at once, unless the operator takes less. */
    s->room = o->method == PB_SVD_SUBSPACE ? wanted : s->block;
    if (op->block_max)
        s->room = pb_least(s->room, op->block_max);
    s->in = pb_malloc(s->room * longest, sizeof *s->in);
    s->out = pb_malloc(s->room * longest, sizeof *s->out);
    return s->in && s->out
               ? PB_OK
               : pb_fail_memory(error, s->room * longest * sizeof *s->in, "a block of vectors");
}

/* -- the result ------------------------------------------------------------------------------ */

void pb_svd_free(pb_svd *svd)
{
    if (!svd)
        return;
    pb_free(svd->u);
    pb_free(svd->v);
    pb_free(svd->sigma);
    pb_free(svd->residual);
    pb_free(svd->angle_bound);
    pb_free(svd);
}

static pb_status new_svd(pb_svd **out, size_t rank, size_t m, size_t n, pb_error *error)
{
    pb_svd *svd = pb_calloc(1, sizeof *svd);

    if (svd) {
        *svd = (pb_svd){
            .rows = m,
            .cols = n,
            .rank = rank,
            .u = pb_malloc(rank * m, sizeof *svd->u),
            .v = pb_malloc(rank * n, sizeof *svd->v),
            .sigma = pb_calloc(rank, sizeof *svd->sigma),
            .residual = pb_calloc(rank, sizeof *svd->residual),
            .angle_bound = pb_calloc(rank, sizeof *svd->angle_bound),
        };
        if (svd->u && svd->v && svd->sigma && svd->residual && svd->angle_bound) {
            *out = svd;
            return PB_OK;
        }
    }
    pb_svd_free(svd);
    return pb_fail_memory(error, rank * (m + n) * sizeof(float), "singular vectors");
}

/* 1, or -1 if the entry of largest magnitude (the first, if several are) is negative. */
static double sign_of(const double *v, size_t n)
{
    size_t largest = 0;

    for (size_t i = 1; i < n; i++)
        if (fabs(v[i]) > fabs(v[largest]))
            largest = i;
    return v[largest] < 0 ? -1 : 1;
}

/* The distance of sigma_i to its nearest neighbour among the computed values. */
static double gap(const pb_ritz *ritz, size_t i)
{
    double above = i > 0 ? ritz->sigma[i - 1] - ritz->sigma[i] : INFINITY;
    double below = i + 1 < ritz->count ? ritz->sigma[i] - ritz->sigma[i + 1] : INFINITY;

    return fmin(above, below);
}

static void fill(pb_svd *svd, const pb_ritz *ritz, double tolerance)
{
    double top = ritz->sigma[0];
    int leading = 1;

    for (size_t i = 0; i < svd->rank; i++) {
        const double *u = ritz->u + i * svd->rows, *v = ritz->v + i * svd->cols;
        double sign = sign_of(v, svd->cols);
        double nearest = gap(ritz, i);

        for (size_t j = 0; j < svd->rows; j++)
            svd->u[i * svd->rows + j] = (float)(sign * u[j]);
        for (size_t j = 0; j < svd->cols; j++)
            svd->v[i * svd->cols + j] = (float)(sign * v[j]);
        svd->sigma[i] = ritz->sigma[i];
        svd->residual[i] = top > 0 ? ritz->residual[i] / top : 0;
        svd->angle_bound[i] = ritz->residual[i] > 0
                                  ? fmin(M_PI / 2, nearest > 0 ? ritz->residual[i] / nearest : 9)
                                  : 0;
        leading = leading && svd->residual[i] <= tolerance;
        svd->converged += (size_t)leading;
    }
}

/* |J w| / sigma_k for a random unit w orthogonal to every v computed. */
static pb_status probe(pb_svd *svd, pb_solver *s, const pb_ritz *ritz, pb_error *error)
{
    size_t m = svd->rows, n = svd->cols;
    double *w, *image, last = svd->sigma[svd->rank - 1];
    pb_status status;

    if (ritz->count >= n) /* nothing is orthogonal to all of them */
        return PB_OK;
    w = pb_malloc(n, sizeof *w);
    image = pb_malloc(m, sizeof *image);
    if (!w || !image) {
        pb_free(w);
        pb_free(image);
        return pb_fail_memory(error, (m + n) * sizeof *w, "a probe");
    }
    pb_solver_random(s, n, w);
    status = pb_orthonormalise(s, n, ritz->count, ritz->v, 1, w, NULL, 0, NULL, 0, error);
    if (status == PB_OK)
        status = pb_solver_apply(s, 0, 1, w, image, error);
    if (status == PB_OK)
        svd->probe = last > 0 ? pb_norm(m, image) / last : 0;
    pb_free(w);
    pb_free(image);
    return status;
}

/* What a method found, as the result, also where it was stopped; NULL: nothing. Returns the
 * method's status, unless there is no room. */
static pb_status collect(pb_svd **out, pb_status status, const pb_solver *s, const pb_ritz *ritz,
                         pb_error *error)
{
    size_t rank = pb_least(s->options->rank, ritz->count);

    if ((status != PB_OK && status != PB_CANCELLED) || rank == 0)
        return status;
    PB_TRY(new_svd(out, rank, s->op->rows, s->op->cols, error));
    fill(*out, ritz, s->options->tolerance);
    return status;
}

/* Keeps what had converged; NULL where that is nothing. */
static void cut(pb_svd **svd)
{
    pb_svd *s = *svd;

    if (s)
        s->rank = s->converged;
    if (s && s->rank == 0) {
        pb_svd_free(s);
        *svd = NULL;
    }
}

pb_status pb_svd_compute(pb_svd **out, const pb_operator *op, const pb_svd_options *options,
                         const pb_run *run, pb_error *error)
{
    double begin = pb_seconds();
    pb_ritz ritz = {0};
    pb_svd *svd = NULL;
    pb_solver s;
    pb_status status;
    pb_work work;

    PB_OUT(out, "the SVD");
    PB_TRY(pb_svd_options_check(options, op, error));
    PB_TRY(pb_work_begin(&work, run, "basis", 0, error));
    status = start_solver(&s, op, options, &work, error);
    if (status == PB_OK)
        status = options->method == PB_SVD_KRYLOV ? pb_krylov(&s, &ritz, error)
                                                  : pb_subspace(&s, &ritz, error);
    if (status == PB_OK && ritz.count == 0)
        status = pb_fail(error, PB_INVALID,
                         "%zu applications are too few for a single triplet: expected at least %zu",
                         s.limit, 2 * s.block);
    status = collect(&svd, status, &s, &ritz, error);
    if (status == PB_OK)
        status = probe(svd, &s, &ritz, error);
    if (status == PB_CANCELLED)
        cut(&svd);
    if (svd) {
        svd->applications = s.applications;
        svd->steps = s.steps;
        svd->restarts = s.restarts;
        svd->block = s.room;
        svd->seconds_operator = s.seconds;
        svd->seconds = pb_seconds() - begin;
    }
    if (status == PB_OK || status == PB_CANCELLED)
        *out = svd;
    else
        pb_svd_free(svd);
    pb_ritz_clear(&ritz);
    pb_free(s.in);
    pb_free(s.out);
    pb_work_end(&work);
    return status;
}

size_t pb_svd_memory(size_t rows, size_t cols, size_t rank, size_t block)
{
    return pb_krylov_memory(rows, cols, pb_least(rank + GUARDS, pb_least(rows, cols)),
                            block ? block : DEFAULT_BLOCK);
}

/* -- verification ---------------------------------------------------------------------------- */

/* square[i] += |image_i - sigma_i vector_i|^2 for the rank triplets, one block after the other. */
static pb_status add_differences(const pb_svd *svd, const pb_operator *op, int transpose,
                                 double *square, pb_work *work, pb_error *error)
{
    size_t in = transpose ? svd->rows : svd->cols, out = transpose ? svd->cols : svd->rows;
    const float *from = transpose ? svd->u : svd->v, *to = transpose ? svd->v : svd->u;
    size_t room = op->block_preferred ? op->block_preferred : DEFAULT_BLOCK;
    pb_status status = PB_OK;
    float *image;

    room = pb_least(room, svd->rank);
    room = op->block_max ? pb_least(room, op->block_max) : room;
    image = pb_malloc(room * out, sizeof *image);
    if (!image)
        return pb_fail_memory(error, room * out * sizeof *image, "a block of vectors");
    for (size_t i = 0; i < svd->rank && status == PB_OK; i += room) {
        size_t width = pb_least(room, svd->rank - i);
        status = pb_operator_multiply(op, transpose, width, from + i * in, in, image, out, error);
        for (size_t j = 0; status == PB_OK && j < width * out; j++) {
            double d = (double)image[j] - svd->sigma[i + j / out] * (double)to[i * out + j];
            square[i + j / out] += d * d;
        }
        if (status == PB_OK)
            status = pb_work_step(work, work->progress.done + width, error);
    }
    pb_free(image);
    return status;
}

pb_status pb_svd_check(const pb_svd *svd, const pb_operator *op, pb_error *error)
{
    PB_NEED(svd, "an SVD");
    PB_TRY(pb_operator_check(op, error));
    if (op->rows != svd->rows || op->cols != svd->cols)
        return pb_fail(error, PB_INVALID, "an operator of %zu x %zu for an SVD of %zu x %zu",
                       op->rows, op->cols, svd->rows, svd->cols);
    if (svd->rank > pb_least(svd->rows, svd->cols) ||
        (svd->rank && (!svd->u || !svd->v || !svd->sigma)))
        return pb_fail(error, PB_INVALID, "an SVD of %zu x %zu of rank %zu%s", svd->rows, svd->cols,
                       svd->rank, svd->u && svd->v && svd->sigma ? "" : " without its triplets");
    return PB_OK;
}

pb_status pb_svd_verify(const pb_svd *svd, const pb_operator *op, double *residual,
                        const pb_run *run, pb_error *error)
{
    pb_status status;
    pb_work work;

    PB_TRY(pb_svd_check(svd, op, error));
    PB_NEED(residual, "room for residuals");
    for (size_t i = 0; i < svd->rank; i++)
        residual[i] = 0;
    PB_TRY(pb_work_begin(&work, run, "verifying", 2 * svd->rank, error));
    status = add_differences(svd, op, 0, residual, &work, error);
    if (status == PB_OK)
        status = add_differences(svd, op, 1, residual, &work, error);
    for (size_t i = 0; status == PB_OK && i < svd->rank; i++)
        residual[i] = svd->sigma[0] > 0 ? sqrt(residual[i]) / svd->sigma[0] : sqrt(residual[i]);
    pb_work_end(&work);
    return status;
}
