/* LSQR (Paige & Saunders 1982, ACM TOMS 8:43): Golub-Kahan bidiagonalisation from b, and the least
 * squares of the bidiagonal matrix by plane rotations, as it grows. Vectors are kept in double. */
#include <pullback/operator.h>

#include <math.h>

#include "base/memory.h"
#include "geometry/solver.h"
#include "geometry/vectors.h"

#define MOST 200

typedef struct lsqr {
    size_t m, n;
    double *u, *v, *w, *x, *image; /* m, n, n, n, the longer */
} lsqr;

/* x = x / |x|; returns |x|. */
static double normalise(size_t n, double *x)
{
    double norm = pb_norm(n, x);

    for (size_t i = 0; norm > 0 && i < n; i++)
        x[i] /= norm;
    return norm;
}

/* to = image - factor * to, normalised; returns the norm. */
static double next(size_t n, double *to, const double *image, double factor)
{
    for (size_t i = 0; i < n; i++)
        to[i] = image[i] - factor * to[i];
    return normalise(n, to);
}

static pb_status iterate(lsqr *l, pb_solver *s, double damping, double tolerance, size_t most,
                         pb_solution *out, pb_error *error)
{
    size_t m = l->m, n = l->n;
    double beta, alpha, phi_bar, rho_bar, first, square = 0, psi_sum = 0;

    first = beta = normalise(m, l->u);
    PB_TRY(pb_solver_apply(s, 1, 1, l->u, l->v, error));
    alpha = normalise(n, l->v);
    for (size_t i = 0; i < n; i++)
        l->w[i] = l->v[i];
    phi_bar = beta;
    rho_bar = alpha;
    *out = (pb_solution){.residual = first > 0 ? 1 : 0};
    while (first > 0 && alpha > 0 && out->iterations < most) {
        double rho_1, c_1, rho, c, sine, theta, phi, residual;

        PB_TRY(pb_solver_apply(s, 0, 1, l->v, l->image, error));
        beta = next(m, l->u, l->image, alpha);
        square += alpha * alpha + beta * beta + damping * damping;
        PB_TRY(pb_solver_apply(s, 1, 1, l->u, l->image, error));
        alpha = next(n, l->v, l->image, beta);
        rho_1 = hypot(rho_bar, damping); /* the damping's rotation */
        c_1 = rho_bar / rho_1;
        psi_sum = hypot(psi_sum, damping / rho_1 * phi_bar);
        phi_bar *= c_1;
        rho = hypot(rho_1, beta); /* the bidiagonal's */
        c = rho_1 / rho;
        sine = beta / rho;
        theta = sine * alpha;
        rho_bar = -c * alpha;
        phi = c * phi_bar;
        phi_bar *= sine;
        for (size_t i = 0; i < n; i++) {
            l->x[i] += phi / rho * l->w[i];
            l->w[i] = l->v[i] - theta / rho * l->w[i];
        }
        out->iterations++;
        residual = hypot(phi_bar, psi_sum);
        out->optimality = residual > 0 ? fabs(phi_bar * c) * alpha / (sqrt(square) * residual) : 0;
        if (out->optimality <= tolerance || residual <= 1e-7 * first)
            break;
        PB_TRY(pb_work_step(s->work, out->iterations, error));
    }
    return PB_OK;
}

/* |A x - b| / |b| by one more application. */
static pb_status measure(lsqr *l, pb_solver *s, const float *b, pb_solution *out, pb_error *error)
{
    double norm = 0, difference = 0;

    PB_TRY(pb_solver_apply(s, 0, 1, l->x, l->image, error));
    for (size_t i = 0; i < l->m; i++) {
        norm += (double)b[i] * (double)b[i];
        difference += pow(l->image[i] - (double)b[i], 2);
    }
    out->residual = norm > 0 ? sqrt(difference / norm) : 0;
    out->norm = pb_norm(l->n, l->x);
    return PB_OK;
}

static pb_status check(const pb_operator *op, size_t cols, size_t rows, double damping,
                       double tolerance, pb_error *error)
{
    PB_TRY(pb_operator_check(op, error));
    if (rows != op->rows || cols != op->cols)
        return pb_fail(error, PB_INVALID,
                       "a pre-image of %zu numbers for %zu: the operator is %zu x %zu", cols, rows,
                       op->rows, op->cols);
    if (!(damping >= 0) || !(tolerance >= 0) || !isfinite(damping))
        return pb_fail(error, PB_INVALID, "least squares with damping %g and tolerance %g", damping,
                       tolerance);
    return PB_OK;
}

static pb_status solve(pb_solution *solution, float *x, const pb_operator *op, const float *b,
                       double damping, double tolerance, size_t most, pb_work *work,
                       pb_error *error)
{
    size_t m = op->rows, n = op->cols, longest = m > n ? m : n;
    lsqr l = {.m = m,
              .n = n,
              .u = pb_malloc(m, sizeof(double)),
              .v = pb_malloc(n, sizeof(double)),
              .w = pb_malloc(n, sizeof(double)),
              .x = pb_calloc(n, sizeof(double)),
              .image = pb_malloc(longest, sizeof(double))};
    pb_solver s = {.op = op,
                   .work = work,
                   .room = 1,
                   .in = pb_malloc(longest, sizeof(float)),
                   .out = pb_malloc(longest, sizeof(float))};
    pb_status status = PB_OK;

    if (!l.u || !l.v || !l.w || !l.x || !l.image || !s.in || !s.out)
        status = pb_fail_memory(error, longest * 5 * sizeof(double), "least squares");
    for (size_t i = 0; status == PB_OK && i < m; i++)
        l.u[i] = (double)b[i];
    if (status == PB_OK)
        status = iterate(&l, &s, damping, tolerance, most, solution, error);
    if (status == PB_OK)
        status = measure(&l, &s, b, solution, error);
    for (size_t i = 0; status == PB_OK && i < n; i++)
        x[i] = (float)l.x[i];
    double *arrays[] = {l.u, l.v, l.w, l.x, l.image};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        pb_free(arrays[i]);
    pb_free(s.in);
    pb_free(s.out);
    return status;
}

pb_status pb_least_squares(pb_solution *solution, size_t cols, float *x, const pb_operator *op,
                           size_t rows, const float *b, double damping, double tolerance,
                           size_t most, const pb_run *run, pb_error *error)
{
    pb_status status;
    pb_work work;

    PB_NEED(solution, "a place for the solution");
    PB_NEED(x, "room for x");
    PB_NEED(b, "b");
    PB_TRY(check(op, cols, rows, damping, tolerance, error));
    most = most ? most : MOST;
    PB_TRY(pb_work_begin(&work, run, "least squares", most, error));
    status = solve(solution, x, op, b, damping, tolerance, most, &work, error);
    pb_work_end(&work);
    return status;
}
