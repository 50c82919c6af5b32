#include "geometry/solver.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "geometry/random.h"
#include "geometry/vectors.h"

/* Guards only have to show that no leading triplet is missing: their residuals may be larger. */
#define GUARD_SLACK 30

/* -- the operator ---------------------------------------------------------------------------- */

static pb_status apply_some(pb_solver *s, int transpose, size_t count, const double *x, double *y,
                            pb_error *error)
{
    const pb_operator *op = s->op;
    size_t in = transpose ? op->rows : op->cols, out = transpose ? op->cols : op->rows;
    double start = pb_seconds();
    pb_status status;

    for (size_t i = 0; i < count * in; i++)
        s->in[i] = (float)x[i];
    status = pb_operator_multiply(op, transpose, count, s->in, in, s->out, out, error);
    s->seconds += pb_seconds() - start;
    PB_TRY(status);
    s->applications += count;
    for (size_t i = 0; i < count * out; i++) {
        y[i] = (double)s->out[i];
        if (!isfinite(s->out[i]))
            return pb_fail(error, PB_NUMERIC,
                           "entry %zu of application %zu of the operator is not finite", i % out,
                           s->applications - count + i / out + 1);
    }
    return PB_OK;
}

pb_status pb_solver_apply(pb_solver *s, int transpose, size_t count, const double *x, double *y,
                          pb_error *error)
{
    size_t in = transpose ? s->op->rows : s->op->cols, out = transpose ? s->op->cols : s->op->rows;

    for (size_t done = 0; done < count; done += s->room) {
        size_t width = count - done < s->room ? count - done : s->room;
        PB_TRY(apply_some(s, transpose, width, x + done * in, y + done * out, error));
    }
    return PB_OK;
}

/* -- progress -------------------------------------------------------------------------------- */

static size_t leading_converged(const pb_solver *s, size_t count, const double *sigma,
                                const double *residual)
{
    size_t i = 0;

    while (i < count && residual[i] <= s->options->tolerance * sigma[0])
        i++;
    return i;
}

int pb_solver_converged(const pb_solver *s, size_t count, const double *sigma,
                        const double *residual)
{
    size_t rank = s->options->rank;

    if (count < s->wanted || leading_converged(s, rank, sigma, residual) < rank)
        return 0;
    for (size_t i = rank; i < s->wanted; i++)
        if (residual[i] > GUARD_SLACK * s->options->tolerance * sigma[0])
            return 0;
    return 1;
}

pb_status pb_solver_report(const pb_solver *s, size_t count, const double *sigma,
                           const double *residual, pb_error *error)
{
    pb_svd_progress progress = {
        .applications = s->applications,
        .max_applications = s->limit,
        .rank = s->options->rank,
        .residual_max = INFINITY,
    };

    if (count > s->options->rank)
        count = s->options->rank;
    progress.converged = leading_converged(s, count, sigma, residual);
    if (count == s->options->rank && sigma[0] > 0) {
        progress.residual_max = 0;
        for (size_t i = 0; i < count; i++)
            progress.residual_max = fmax(progress.residual_max, residual[i] / sigma[0]);
    }
    return pb_work_svd(s->work, &progress, error);
}

/* -- random numbers -------------------------------------------------------------------------- */

void pb_solver_random(pb_solver *s, size_t count, double *x)
{
    pb_normal(&s->random, count, x);
}

/* -- orthonormal blocks ---------------------------------------------------------------------- */

/* C = basis^T block;  block -= basis C */
static void project(size_t n, size_t p, const double *basis, size_t width, double *block, double *c)
{
    pb_inner_products(n, p, basis, width, block, c, p);
    pb_add_combination(n, p, basis, width, -1, c, p, block);
}

/* block = Q R column by column, each projected twice. zero: what counts as zero; dots: room for
 * width numbers. */
static void gram_schmidt(pb_solver *s, size_t n, size_t width, double *block, double *r,
                         double zero, double *dots)
{
    for (size_t j = 0; j < width; j++) {
        double *w = block + j * n, *column = r + j * width, norm;

        memset(column, 0, width * sizeof *column);
        for (int pass = 0; pass < 2; pass++) {
            project(n, j, block, 1, w, dots);
            for (size_t i = 0; i < j; i++)
                column[i] += dots[i];
        }
        norm = pb_norm(n, w);
        if (norm > zero) {
            column[j] = norm;
        } else {
            pb_solver_random(s, n, w);
            for (int pass = 0; pass < 2; pass++)
                project(n, j, block, 1, w, dots);
            norm = pb_norm(n, w);
        }
        for (size_t i = 0; i < n; i++)
            w[i] /= norm;
    }
}

static double largest_norm(size_t n, size_t width, const double *block)
{
    double largest = 0;

    for (size_t j = 0; j < width; j++)
        largest = fmax(largest, pb_norm(n, block + j * n));
    return largest;
}

pb_status pb_orthonormalise(pb_solver *s, size_t n, size_t p, const double *basis, size_t width,
                            double *block, double *c, size_t ldc, double *r, size_t ldr,
                            pb_error *error)
{
    size_t room = 2 * (p * width + width * width) + width;
    double *c1, *c2, *r1, *r2, *dots, zero = 1e-13 * largest_norm(n, width, block);

    if (width == 0)
        return PB_OK;
    c1 = pb_calloc(room, sizeof *c1);
    if (!c1)
        return pb_fail_memory(error, room * sizeof *c1, "coefficients");
    c2 = c1 + p * width;
    r1 = c2 + p * width;
    r2 = r1 + width * width;
    dots = r2 + width * width;
    project(n, p, basis, width, block, c1);
    gram_schmidt(s, n, width, block, r1, zero, dots);
    project(n, p, basis, width, block, c2);
    gram_schmidt(s, n, width, block, r2, 0, dots);
    for (size_t j = 0; j < width; j++) {
        for (size_t i = 0; c && i < p; i++) { /* C = C1 + C2 R1 */
            double sum = c1[j * p + i];
            for (size_t k = 0; k <= j; k++)
                sum += c2[k * p + i] * r1[j * width + k];
            c[j * ldc + i] = sum;
        }
        for (size_t i = 0; r && i < width; i++) { /* R = R2 R1 */
            double sum = 0;
            for (size_t k = i; k <= j; k++)
                sum += r2[k * width + i] * r1[j * width + k];
            r[j * ldr + i] = sum;
        }
    }
    pb_free(c1);
    return PB_OK;
}

/* -- small matrices -------------------------------------------------------------------------- */

pb_status pb_ritz_new(pb_ritz *ritz, size_t count, size_t m, size_t n, pb_error *error)
{
    *ritz = (pb_ritz){
        .count = count,
        .u = pb_malloc(count * m, sizeof *ritz->u),
        .v = pb_malloc(count * n, sizeof *ritz->v),
        .sigma = pb_calloc(count, sizeof *ritz->sigma),
        .residual = pb_calloc(count, sizeof *ritz->residual),
    };
    if (ritz->u && ritz->v && ritz->sigma && ritz->residual)
        return PB_OK;
    return pb_fail_memory(error, count * (m + n) * sizeof *ritz->u, "singular vectors");
}

void pb_ritz_clear(pb_ritz *ritz)
{
    pb_free(ritz->u);
    pb_free(ritz->v);
    pb_free(ritz->sigma);
    pb_free(ritz->residual);
    *ritz = (pb_ritz){0};
}
