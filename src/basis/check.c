#include "basis/check.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/shape.h"

#define UNIT 1e-2  /* how far from 1 a direction's length may be */
#define ROUND 1e-2 /* how far beyond its range a number of few digits may be */

/* -- shapes ---------------------------------------------------------------------------------- */

/* A tensor of so many dimensions, the first of length k (0: any), none of them 0. */
static pb_status check_tensor(const char *name, const pb_tensor *t, size_t rank, size_t k,
                              pb_error *error)
{
    const size_t shape[PB_MAX_RANK] = {k};

    return pb_shape_check(t, rank, shape, name, error);
}

/* Numbers within [least, most]: none of them NaN. */
static pb_status check_range(const char *name, const pb_tensor *t, double least, double most,
                             pb_error *error)
{
    for (size_t i = 0; i < pb_tensor_count(t); i++)
        if (!((double)t->data[i] >= least && (double)t->data[i] <= most))
            return pb_fail(error, PB_INVALID, "%s: entry %zu is %g: expected %.3g to %.3g", name, i,
                           (double)t->data[i], least, most);
    return PB_OK;
}

static pb_status check_numbers(const char *name, const pb_tensor *t, size_t k, double most,
                               pb_error *error)
{
    PB_TRY(check_tensor(name, t, 1, k, error));
    return check_range(name, t, 0, most, error);
}

static pb_status check_directions(const char *name, const pb_tensor *t, size_t k, pb_error *error)
{
    size_t n;

    PB_TRY(check_tensor(name, t, 4, k, error));
    n = pb_item_size(t);
    if (k > n)
        return pb_fail(error, PB_INVALID, "%s: %zu directions of %zu entries", name, k, n);
    for (size_t i = 0; i < k; i++) {
        double square = 0;
        for (size_t l = 0; l < n; l++)
            square += (double)t->data[i * n + l] * (double)t->data[i * n + l];
        if (!(fabs(sqrt(square) - 1) <= UNIT))
            return pb_fail(error, PB_INVALID, "%s: direction %zu has length %g: expected 1", name,
                           i, sqrt(square));
    }
    return PB_OK;
}

/* -- a basis at a point, and a mean ------------------------------------------------------------ */

/* The point, and what has its size or the tap's. */
static pb_status check_point(const pb_basis *b, pb_error *error)
{
    const size_t *u = b->u.shape + 1, *v = b->v.shape + 1, *x = b->x.shape;
    int to_image = !strcmp(b->to, "eps") || !strcmp(b->to, "x0");

    PB_TRY(check_tensor("x", &b->x, 3, 0, error));
    PB_TRY(check_range("x", &b->x, -FLT_MAX, FLT_MAX, error));
    if (!strcmp(b->from, "x") && memcmp(v, x, 3 * sizeof *x) != 0)
        return pb_fail(error, PB_INVALID,
                       "the directions v and the point x differ in shape: %zu x %zu x %zu and "
                       "%zu x %zu x %zu",
                       v[0], v[1], v[2], x[0], x[1], x[2]);
    if (to_image && memcmp(u + 1, x + 1, 2 * sizeof *x) != 0)
        return pb_fail(error, PB_INVALID, "u of %zu x %zu positions at %s, x of %zu x %zu", u[1],
                       u[2], b->to, x[1], x[2]);
    if (b->guided && !to_image)
        return pb_fail(error, PB_INVALID, "a guided map to \"%s\": expected eps or x0", b->to);
    if (b->null_rank && !b->mask.data)
        return pb_fail(error, PB_INVALID, "a null_rank of %zu without a mask", b->null_rank);
    if (!b->mask.data)
        return PB_OK;
    PB_TRY(check_tensor("mask", &b->mask, 2, 0, error));
    if (memcmp(b->mask.shape, u + 1, 2 * sizeof *u) != 0)
        return pb_fail(error, PB_INVALID, "a mask of %zu x %zu, u of %zu x %zu positions",
                       b->mask.shape[0], b->mask.shape[1], u[1], u[2]);
    if (b->null_rank > v[0] * v[1] * v[2] - b->v.shape[0])
        return pb_fail(error, PB_INVALID, "a null_rank of %zu and %zu directions of %zu entries",
                       b->null_rank, b->v.shape[0], v[0] * v[1] * v[2]);
    return check_range("mask", &b->mask, 0, 1, error);
}

static pb_status check_at_point(const pb_basis *b, size_t k, pb_error *error)
{
    PB_TRY(check_directions("u", &b->u, k, error));
    PB_TRY(check_directions("v", &b->v, k, error));
    for (size_t i = 1; i < k; i++)
        if (b->s.data[i] > b->s.data[i - 1])
            return pb_fail(error, PB_INVALID, "s: entry %zu, %g, is above the one before, %g", i,
                           (double)b->s.data[i], (double)b->s.data[i - 1]);
    PB_TRY(check_numbers("residual", &b->residual, k, FLT_MAX, error));
    PB_TRY(check_numbers("angle_bound", &b->angle_bound, k, M_PI / 2 + ROUND, error));
    return check_point(b, error);
}

/* Its singular values are means, and need not fall. */
static pb_status check_mean(const pb_basis *b, size_t k, pb_error *error)
{
    int in_h = b->space && !strcmp(b->space, "H"), in_x = b->space && !strcmp(b->space, "X");

    if (!in_h && !in_x)
        return pb_fail(error, PB_INVALID, "a mean in the space \"%s\": expected H or X",
                       b->space ? b->space : "");
    if (!(in_h ? &b->u : &b->v)->data)
        return pb_fail(error, PB_INVALID, "a mean in %s without its directions", b->space);
    if (b->u.data)
        PB_TRY(check_directions("u", &b->u, k, error));
    if (b->v.data)
        PB_TRY(check_directions("v", &b->v, k, error));
    return check_numbers("agreement", &b->agreement, k, 1 + ROUND, error);
}

pb_status pb_basis_check_parts(const pb_basis *b, pb_error *error)
{
    size_t k;

    PB_TRY(check_numbers("s", &b->s, 0, FLT_MAX, error));
    k = b->s.shape[0];
    if (!b->from || !*b->from || !b->to || !*b->to)
        return pb_fail(error, PB_INVALID, "a basis that does not name its taps");
    if (!(b->timestep >= 0 && b->timestep <= DBL_MAX))
        return pb_fail(error, PB_INVALID, "a timestep of %g: expected 0 or more", b->timestep);
    if (!isnan(b->t) && !(b->t >= 0 && b->t <= 1))
        return pb_fail(error, PB_INVALID, "a t of %g: expected 0 to 1", b->t);
    if (b->converged > k)
        return pb_fail(error, PB_INVALID, "%zu of %zu triplets converged", b->converged, k);
    return b->samples ? check_mean(b, k, error) : check_at_point(b, k, error);
}
