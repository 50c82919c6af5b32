#include <pullback/space.h>

#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/run.h"
#include "base/shape.h"
#include "geometry/random.h"
#include "geometry/small.h"
#include "geometry/space.h"
#include "geometry/vectors.h"

void pb_space_init(pb_space *space)
{
    if (space)
        *space = PB_SPACE_EMPTY;
}

void pb_space_clear(pb_space *space)
{
    if (!space)
        return;
    pb_free(space->q);
    *space = PB_SPACE_EMPTY;
}

pb_status pb_space_new(pb_space *space, size_t n, size_t k, const float *vectors, pb_error *error)
{
    pb_status status;
    double *q;

    PB_NEED(space, "a place for the space");
    PB_NEED(vectors, "vectors");
    if (k == 0 || k > n || n > (1u << 30))
        return pb_fail(error, PB_INVALID, "a space of %zu vectors of %zu numbers", k, n);
    q = pb_malloc(n * k, sizeof *q);
    if (!q)
        return pb_fail_memory(error, n * k * sizeof *q, "a space");
    for (size_t i = 0; i < n * k; i++)
        q[i] = (double)vectors[i];
    status = pb_orthonormal_columns(n, k, q, error);
    if (status != PB_OK) {
        pb_free(q);
        return status;
    }
    *space = (pb_space){n, k, q};
    return PB_OK;
}

pb_status pb_space_check(const pb_space *space, pb_error *error)
{
    PB_NEED(space, "a space");
    if (!space->q || space->k == 0 || space->k > space->n)
        return pb_fail(error, PB_INVALID, "a space of dimension %zu of R^%zu%s: expected 1 to n",
                       space->k, space->n, space->q ? "" : " without vectors");
    return PB_OK;
}

/* -- angles and distances ---------------------------------------------------------------------- */

/* The cosines c (descending), and the sines s (ascending in the same order) of the columns of b
 * outside the space a; b has no more columns than a. */
static pb_status cosines_and_sines(const pb_space *a, const pb_space *b, double *c, double *s,
                                   pb_error *error)
{
    size_t n = a->n, p = a->k, q = b->k;
    double *gram = pb_malloc(p * q, sizeof *gram), *rest = pb_malloc(n * q, sizeof *rest);
    double *square = pb_malloc(q * q, sizeof *square);
    pb_status status;

    if (!gram || !rest || !square)
        status = pb_fail_memory(error, n * q * sizeof *rest, "principal angles");
    else {
        memcpy(rest, b->q, n * q * sizeof *rest);
        pb_inner_products(n, p, a->q, q, b->q, gram, p);
        pb_add_combination(n, p, a->q, q, -1, gram, p, rest);
        status = pb_singular_values(p, q, gram, c, error);
        /* The rest's singular values by those of its triangular factor, of which Gram's matrix
         * would lose the small ones. */
        if (status == PB_OK) {
            if (LAPACKE_dgeqrf(LAPACK_COL_MAJOR, (int)n, (int)q, rest, (int)n, s))
                status = pb_fail(error, PB_NUMERIC, "QR failed");
            for (size_t j = 0; j < q; j++)
                for (size_t i = 0; i < q; i++)
                    square[j * q + i] = i <= j ? rest[j * n + i] : 0;
        }
        if (status == PB_OK)
            status = pb_singular_values(q, q, square, s, error);
        for (size_t i = 0; i < q / 2; i++) {
            double t = s[i];
            s[i] = s[q - 1 - i];
            s[q - 1 - i] = t;
        }
    }
    pb_free(gram);
    pb_free(rest);
    pb_free(square);
    return status;
}

pb_status pb_space_angles(const pb_space *a, const pb_space *b, double *angles, pb_error *error)
{
    double *s;
    pb_status status;
    size_t k;

    PB_TRY(pb_space_check(a, error));
    PB_TRY(pb_space_check(b, error));
    PB_NEED(angles, "room for angles");
    k = a->k < b->k ? a->k : b->k;
    if (a->n != b->n)
        return pb_fail(error, PB_INVALID, "spaces of R^%zu and R^%zu", a->n, b->n);
    s = pb_malloc(k, sizeof *s);
    if (!s)
        return pb_fail_memory(error, k * sizeof *s, "principal angles");
    status = a->k >= b->k ? cosines_and_sines(a, b, angles, s, error)
                          : cosines_and_sines(b, a, angles, s, error);
    for (size_t i = 0; status == PB_OK && i < k; i++)
        angles[i] = angles[i] * angles[i] < 0.5 ? acos(fmax(angles[i], 0)) : asin(fmin(s[i], 1));
    pb_free(s);
    return status;
}

pb_distances pb_distances_of(size_t k, const double *angles)
{
    pb_distances d = {0, 0, 0, 0};

    for (size_t i = 0; i < k; i++) {
        d.geodesic += angles[i] * angles[i];
        d.chordal += pow(sin(angles[i]), 2);
        d.procrustes += pow(sin(angles[i] / 2), 2);
        d.projection = fmax(d.projection, sin(angles[i]));
    }
    d.geodesic = sqrt(d.geodesic);
    d.chordal = sqrt(d.chordal);
    d.procrustes = 2 * sqrt(d.procrustes);
    return d;
}

pb_distances pb_distances_largest(size_t k)
{
    double root = sqrt((double)k);

    return (pb_distances){M_PI / 2 * root, root, M_SQRT2 * root, 1};
}

pb_distances pb_distances_ratio(pb_distances a, pb_distances b)
{
    return (pb_distances){a.geodesic / b.geodesic, a.chordal / b.chordal,
                          a.procrustes / b.procrustes, a.projection / b.projection};
}

/* chi-squared of `freedom` degrees, by Marsaglia & Tsang's gamma (2000). */
static double chi_squared(uint64_t *state, double freedom)
{
    double d, c, shape = freedom / 2, boost = 1;

    if (shape < 1) {
        boost = pow(pb_uniform(state), 1 / shape);
        shape += 1;
    }
    d = shape - 1.0 / 3;
    c = 1 / sqrt(9 * d);
    for (;;) {
        double x, v;
        pb_normal(state, 1, &x);
        v = pow(1 + c * x, 3);
        if (v > 0 && log1p(-pb_uniform(state)) < x * x / 2 + d - d * v + d * log(v))
            return 2 * d * v * boost;
    }
}

/* Two random spaces of R^n: one may be that of the first k axes. The other is the span of a normal
 * n x k matrix (A; B), of which angles only need A and B^T B = L L^T: cos theta are the singular
 * values of A in the frame that makes the whole orthonormal, those of (A; L^T) = Q R's upper
 * block. */
static pb_status random_angles(size_t n, size_t k, uint64_t *state, double *room, double *angles,
                               pb_error *error)
{
    size_t outside = n - k < k ? n - k : k, rows = k + outside;
    double *a = room, *top = room + 2 * k * k;

    for (size_t j = 0; j < k; j++) {
        double *column = a + j * rows;
        pb_normal(state, k, column);
        for (size_t i = 0; i < outside; i++) {
            column[k + i] = 0;
            if (n - k < k || i < j)
                pb_normal(state, 1, column + k + i);
            else if (i == j)
                column[k + i] = sqrt(chi_squared(state, (double)(n - k - j)));
        }
    }
    PB_TRY(pb_orthonormal_columns(rows, k, a, error));
    for (size_t j = 0; j < k; j++)
        memcpy(top + j * k, a + j * rows, k * sizeof *top);
    PB_TRY(pb_singular_values(k, k, top, angles, error));
    for (size_t i = 0; i < k; i++)
        angles[i] = acos(fmin(angles[i], 1));
    return PB_OK;
}

#define MOST_DRAWS 1000000

pb_status pb_distances_random(pb_distances *mean, size_t n, size_t k, size_t draws, uint64_t seed,
                              const pb_run *run, pb_error *error)
{
    double *room, *angles, each = 1 / (double)draws;
    pb_status status = PB_OK;
    pb_work work;

    PB_NEED(mean, "a place for the distances");
    if (k == 0 || k > n || draws == 0 || draws > MOST_DRAWS)
        return pb_fail(error, PB_INVALID, "random spaces of dimension %zu of R^%zu, %zu times", k,
                       n, draws);
    PB_TRY(pb_count_check(3, k, k, "random spaces", error));
    PB_TRY(pb_work_begin(&work, run, "random spaces", draws, error));
    room = pb_malloc(3 * k * k, sizeof *room);
    angles = pb_malloc(k, sizeof *angles);
    if (!room || !angles)
        status = pb_fail_memory(error, 3 * k * k * sizeof *room, "random spaces");
    *mean = (pb_distances){0, 0, 0, 0};
    for (size_t i = 0; status == PB_OK && i < draws; i++) {
        status = random_angles(n, k, &seed, room, angles, error);
        if (status == PB_OK) {
            pb_distances d = pb_distances_of(k, angles);
            mean->geodesic += each * d.geodesic;
            mean->chordal += each * d.chordal;
            mean->procrustes += each * d.procrustes;
            mean->projection += each * d.projection;
            status = pb_work_step(&work, i + 1, error);
        }
    }
    pb_work_end(&work);
    pb_free(room);
    pb_free(angles);
    return status;
}
