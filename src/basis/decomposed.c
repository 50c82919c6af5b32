#include "basis/decomposed.h"

#include <string.h>

#include "base/memory.h"
#include "map/linearisation.h"

/* op = (1 - scale) J_N + scale J */
static pb_status guide(pb_decomposed *d, const pb_model *model, const pb_basis_request *r,
                       const pb_tensor *x, const pb_run *run, pb_error *error)
{
    pb_map_options map = r->map;

    map.condition = *r->negative;
    PB_TRY(pb_linearise(&d->negative, model, &map, x, run, error));
    PB_TRY(pb_operator_sum(&d->guided, r->scale, d->op, 1 - r->scale,
                           pb_linearisation_engine(d->negative, false), error));
    d->op = d->guided;
    return PB_OK;
}

/* Weights of a mask: none outside of 0 … 1, and not all of them 0. */
static pb_status check_weights(size_t size, const float *weights, pb_error *error)
{
    double sum = 0;

    for (size_t i = 0; i < size; i++) {
        if (!(weights[i] >= 0 && weights[i] <= 1))
            return pb_fail(error, PB_INVALID, "a mask with the weight %g: expected 0 to 1",
                           (double)weights[i]);
        sum += (double)weights[i];
    }
    return sum > 0 ? PB_OK : pb_fail(error, PB_INVALID, "a mask of nothing: all weights are 0");
}

/* op = diag(m) J, and rest = diag(1 - m) J. */
static pb_status apply_mask(pb_decomposed *d, const pb_basis_request *r, pb_error *error)
{
    const pb_tensor *mask = r->mask;
    size_t C = d->to[0], size = d->to[1] * d->to[2];
    float *weights;
    pb_status status;

    if (!mask->data || mask->rank != 2 || mask->shape[0] != d->to[1] || mask->shape[1] != d->to[2])
        return pb_fail(
            error, PB_INVALID,
            "a mask of %zu x %zu: the tap \"%s\" has %zu x %zu positions; x0 and eps have as many "
            "as the image",
            mask->shape[0], mask->shape[1], r->map.to, d->to[1], d->to[2]);
    PB_TRY(check_weights(size, mask->data, error));
    weights = pb_malloc(C * size, sizeof *weights);
    if (!weights)
        return pb_fail_memory(error, C * size * sizeof *weights, "a mask");
    for (size_t i = 0; i < C * size; i++)
        weights[i] = mask->data[i / C];
    status = pb_operator_weigh(&d->masked, d->op, C * size, weights, error);
    for (size_t i = 0; i < C * size; i++)
        weights[i] = 1 - weights[i];
    if (status == PB_OK)
        status = pb_operator_weigh(&d->rest, d->op, C * size, weights, error);
    pb_free(weights);
    if (status == PB_OK)
        d->op = d->masked;
    return status;
}

/* op = op (I - N N^T) with the leading right singular vectors N of the rest. */
static pb_status deflate(pb_decomposed *d, const pb_basis_request *r, const pb_run *run,
                         pb_error *error)
{
    pb_svd_options options = r->svd;
    size_t rank = r->null_rank;
    pb_svd *svd;
    pb_status status;

    options.rank = rank;
    options.start = NULL;
    options.start_count = 0;
    if (r->svd.rank > d->op->cols || rank > d->op->cols - r->svd.rank)
        return pb_fail(error, PB_INVALID,
                       "a null rank of %zu and %zu directions: together expected at most %zu, the "
                       "entries of \"%s\"",
                       rank, r->svd.rank, d->op->cols, r->map.from);
    status = pb_svd_compute(&svd, d->rest, &options, run, error);
    if (status != PB_OK) {
        pb_svd_free(svd); /* a part of the null space is none */
        return status;
    }
    if (svd->converged < rank) {
        size_t converged = svd->converged, applications = svd->applications;
        pb_svd_free(svd);
        return pb_fail(error, PB_NUMERIC,
                       "a null rank of %zu: %zu directions of the rest converged within %zu "
                       "applications: expected a smaller null rank or more applications",
                       rank, converged, applications);
    }
    d->null = svd->v;
    d->null_count = svd->rank;
    svd->v = NULL;
    pb_svd_free(svd);
    PB_TRY(pb_operator_deflate(&d->deflated, d->op, d->null_count, d->op->cols, d->null, error));
    d->op = d->deflated;
    return PB_OK;
}

pb_status pb_decomposed_begin(pb_decomposed *d, const pb_model *model, const pb_basis_request *r,
                              const pb_tensor *x, const pb_run *run, pb_error *error)
{
    PB_TRY(pb_linearise(&d->l, model, &r->map, x, run, error));
    d->op = pb_linearisation_engine(d->l, false);
    pb_linearisation_shapes(d->l, d->from, d->to);
    return PB_OK;
}

pb_status pb_decomposed_restrict(pb_decomposed *d, const pb_model *model, const pb_basis_request *r,
                                 const pb_tensor *x, const pb_run *run, pb_error *error)
{
    if (r->negative)
        PB_TRY(guide(d, model, r, x, run, error));
    if (r->mask)
        PB_TRY(apply_mask(d, r, error));
    return r->null_rank ? deflate(d, r, run, error) : PB_OK;
}

void pb_decomposed_clear(pb_decomposed *d)
{
    pb_operator_free(d->deflated);
    pb_operator_free(d->rest);
    pb_operator_free(d->masked);
    pb_operator_free(d->guided);
    pb_linearisation_free(d->negative);
    pb_linearisation_free(d->l);
    pb_free(d->null);
    *d = PB_DECOMPOSED_EMPTY;
}
