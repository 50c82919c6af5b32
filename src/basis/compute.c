/* The local latent basis of a model at a point: linearise, restrict, decompose. */
#include <pullback/basis.h>

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/order.h"
#include "base/run.h"
#include "base/shape.h"
#include "map/linearisation.h"
#include "models/model.h"

/* Everything in use while a basis is computed; vectors are in H, W, C until they are the result. */
typedef struct work {
    const pb_basis_request *request;
    pb_run run; /* of the parts */
    pb_linearisation *l, *negative;
    size_t from[3], to[3];
    const pb_operator *op; /* the one decomposed */
    pb_operator *guided, *masked, *rest, *deflated;
    float *start;
    float *null; /* null_count vectors */
    size_t null_count;
    pb_svd *svd;
} work;

void pb_basis_request_init(pb_basis_request *request)
{
    if (request)
        *request = PB_BASIS_REQUEST_DEFAULTS;
}

static void clear(work *w)
{
    pb_operator_free(w->deflated);
    pb_operator_free(w->rest);
    pb_operator_free(w->masked);
    pb_operator_free(w->guided);
    pb_linearisation_free(w->negative);
    pb_linearisation_free(w->l);
    pb_free(w->start);
    pb_free(w->null);
    pb_svd_free(w->svd);
}

static pb_status check(const pb_basis_request *r, pb_error *error)
{
    PB_NEED(r, "a request");
    PB_NEED(r->map.from, "the tap that varies, map.from");
    PB_NEED(r->map.to, "the tap observed, map.to");
    if (r->null_rank && !r->mask)
        return pb_fail(error, PB_INVALID,
                       "a null rank of %zu without a mask: there is no region to leave alone",
                       r->null_rank);
    if (r->bf16 && (r->mask || r->negative))
        return pb_fail(error, PB_INVALID, "bf16 goes with neither a mask nor a guided map");
    if (r->negative && strcmp(r->map.to, "eps") && strcmp(r->map.to, "x0"))
        return pb_fail(error, PB_INVALID,
                       "a guided map ends at eps or x0, which guidance combines: not at \"%s\"",
                       r->map.to);
    return PB_OK;
}

/* op = (1 - scale) J_N + scale J */
static pb_status guide(work *w, const pb_model *model, const pb_tensor *x, pb_error *error)
{
    const pb_basis_request *r = w->request;
    pb_map_options map = r->map;

    map.condition = *r->negative;
    PB_TRY(pb_linearise(&w->negative, model, &map, x, &w->run, error));
    PB_TRY(pb_operator_sum(&w->guided, r->scale, w->op, 1 - r->scale,
                           pb_linearisation_engine(w->negative, false), error));
    w->op = w->guided;
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
static pb_status apply_mask(work *w, const pb_tensor *mask, pb_error *error)
{
    size_t C = w->to[0], size = w->to[1] * w->to[2];
    float *weights;
    pb_status status;

    if (!mask->data || mask->rank != 2 || mask->shape[0] != w->to[1] || mask->shape[1] != w->to[2])
        return pb_fail(
            error, PB_INVALID,
            "a mask of %zu x %zu: the tap \"%s\" has %zu x %zu positions; x0 and eps have as many "
            "as the image",
            mask->shape[0], mask->shape[1], w->request->map.to, w->to[1], w->to[2]);
    PB_TRY(check_weights(size, mask->data, error));
    weights = pb_malloc(C * size, sizeof *weights);
    if (!weights)
        return pb_fail_memory(error, C * size * sizeof *weights, "a mask");
    for (size_t i = 0; i < C * size; i++)
        weights[i] = mask->data[i / C];
    status = pb_operator_weigh(&w->masked, w->op, C * size, weights, error);
    for (size_t i = 0; i < C * size; i++)
        weights[i] = 1 - weights[i];
    if (status == PB_OK)
        status = pb_operator_weigh(&w->rest, w->op, C * size, weights, error);
    pb_free(weights);
    if (status == PB_OK)
        w->op = w->masked;
    return status;
}

/* op = op (I - N N^T) with the leading right singular vectors N of the rest. */
static pb_status deflate(work *w, size_t rank, pb_error *error)
{
    pb_svd_options options = w->request->svd;
    pb_svd *svd = NULL;
    pb_status status;

    options.rank = rank;
    options.start = NULL;
    options.start_count = 0;
    if (w->request->svd.rank > w->op->cols || rank > w->op->cols - w->request->svd.rank)
        return pb_fail(error, PB_INVALID,
                       "a null rank of %zu and %zu directions: together expected at most %zu, the "
                       "entries of \"%s\"",
                       rank, w->request->svd.rank, w->op->cols, w->request->map.from);
    status = pb_svd_compute(&svd, w->rest, &options, &w->run, error);
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
    w->null = svd->v;
    w->null_count = svd->rank;
    svd->v = NULL;
    pb_svd_free(svd);
    PB_TRY(pb_operator_deflate(&w->deflated, w->op, w->null_count, w->op->cols, w->null, error));
    w->op = w->deflated;
    return PB_OK;
}

/* The square of what a direction's length must be outside of N. */
#define CONFINED 1e-6

/* Residuals of the v's are also components along N: takes them out. */
static pb_status confine(const work *w, pb_error *error)
{
    size_t n = w->op->cols;

    for (size_t i = 0; w->null && i < w->svd->rank; i++) {
        float *v = w->svd->v + i * n;
        double norm = 0;
        for (size_t j = 0; j < w->null_count; j++) {
            const float *other = w->null + j * n;
            double product = 0;
            for (size_t l = 0; l < n; l++)
                product += (double)v[l] * (double)other[l];
            for (size_t l = 0; l < n; l++)
                v[l] -= (float)(product * (double)other[l]);
        }
        for (size_t l = 0; l < n; l++)
            norm += (double)v[l] * (double)v[l];
        if (!(norm > CONFINED))
            return pb_fail(error, PB_NUMERIC,
                           "direction %zu of the masked map lies among the %zu that are left out: "
                           "expected a lower rank or null rank",
                           i, w->null_count);
        for (size_t l = 0; l < n; l++)
            v[l] = (float)((double)v[l] / sqrt(norm));
    }
    return PB_OK;
}

static pb_status read_start(work *w, pb_svd_options *svd, pb_error *error)
{
    const pb_tensor *start = w->request->start;
    const size_t *from = w->from;

    PB_TRY(pb_shape_check(start, 4, (size_t[4]){0, from[0], from[1], from[2]},
                          "starting directions", error));
    w->start = pb_malloc(pb_tensor_count(start), sizeof *w->start);
    if (!w->start)
        return pb_fail_memory(error, pb_tensor_count(start) * sizeof *w->start, "a start");
    pb_to_hwc(w->start, start->data, start->shape[0], from[0], from[1], from[2]);
    svd->start = w->start;
    svd->start_count = start->shape[0];
    svd->start_length = w->op->cols;
    return PB_OK;
}

static pb_status decompose(work *w, const pb_model *model, const pb_tensor *x, double *verified,
                           pb_error *error)
{
    const pb_basis_request *r = w->request;
    pb_svd_options svd = r->svd;
    pb_status status;

    w->op = pb_linearisation_engine(w->l, false);
    pb_linearisation_shapes(w->l, w->from, w->to);
    svd.start = NULL;
    svd.start_count = 0;
    if (r->start)
        PB_TRY(read_start(w, &svd, error));
    if (r->negative)
        PB_TRY(guide(w, model, x, error));
    if (r->mask)
        PB_TRY(apply_mask(w, r->mask, error));
    if (r->null_rank)
        PB_TRY(deflate(w, r->null_rank, error));
    status = r->bf16 ? pb_svd_refined(&w->svd, pb_linearisation_engine(w->l, true), w->op, &svd,
                                      &w->run, error)
                     : pb_svd_compute(&w->svd, w->op, &svd, &w->run, error);
    if (status == PB_CANCELLED && w->svd && confine(w, NULL) != PB_OK)
        w->svd->converged = 0;
    PB_TRY(status);
    PB_TRY(confine(w, error));
    return verified ? pb_svd_verify(w->svd, w->op, verified, &w->run, error) : PB_OK;
}

/* k vectors of a shape to C, H, W, in their place. */
static pb_status rearrange(float *vectors, size_t k, const size_t shape[3], pb_error *error)
{
    size_t size = shape[0] * shape[1] * shape[2];
    float *one = pb_malloc(size, sizeof *one);

    if (!one)
        return pb_fail_memory(error, size * sizeof *one, "singular vectors");
    for (size_t i = 0; i < k; i++) {
        memcpy(one, vectors + i * size, size * sizeof *one);
        pb_to_chw(vectors + i * size, one, 1, shape[0], shape[1], shape[2]);
    }
    pb_free(one);
    return PB_OK;
}

/* Names the model; of a run that was stopped with its hash only where that is known already, for
 * all files are read for it. */
static pb_status name_model(pb_basis *basis, const pb_model *model, int stopped, pb_error *error)
{
    char hash[65];

    if (stopped)
        pb_model_known_hash(model, hash);
    else
        PB_TRY(pb_model_hash(model, hash, error));
    return pb_basis_set_model(basis, pb_model_get_info(model)->path, hash, error);
}

/* What was found, as a basis. */
static pb_status build(pb_basis *basis, const work *w, const pb_model *model, const pb_tensor *x,
                       int stopped, pb_error *error)
{
    const pb_basis_request *r = w->request;

    PB_TRY(rearrange(w->svd->u, w->svd->rank, w->to, error));
    PB_TRY(rearrange(w->svd->v, w->svd->rank, w->from, error));
    PB_TRY(pb_basis_from_svd(basis, w->svd, &r->map, &r->svd, w->l, x, error));
    if (r->mask)
        PB_TRY(pb_tensor_copy(&basis->mask, r->mask, error));
    basis->null_rank = r->null_rank;
    PB_TRY(pb_basis_set_schedule(basis, pb_model_schedule(model), error));
    return name_model(basis, model, stopped, error);
}

/* Keeps of a run that was stopped the triplets that had converged, if there are any. */
static void keep(work *w)
{
    if (w->svd)
        w->svd->rank = w->svd->converged;
    if (w->svd && w->svd->rank == 0) {
        pb_svd_free(w->svd);
        w->svd = NULL;
    }
}

pb_status pb_basis_compute(pb_basis *basis, pb_svd **svd, double *verified, const pb_model *model,
                           const pb_basis_request *request, const pb_tensor *x, const pb_run *run,
                           pb_error *error)
{
    work w = {.request = request};
    pb_status status, built = PB_OK;
    pb_work task;

    PB_NEED(basis, "a place for the basis");
    PB_NEED(model, "a model");
    PB_TRY(check(request, error));
    PB_TRY(pb_work_begin(&task, run, "basis", 0, error));
    w.run = pb_work_part(&task);
    status = pb_linearise(&w.l, model, &request->map, x, &w.run, error);
    if (status == PB_OK)
        status = decompose(&w, model, x, verified, error);
    if (status == PB_CANCELLED)
        keep(&w);
    for (size_t i = 0; status == PB_CANCELLED && verified && i < request->svd.rank; i++)
        verified[i] = NAN;
    if (w.svd && (status == PB_OK || status == PB_CANCELLED))
        built = build(basis, &w, model, x, status == PB_CANCELLED, error);
    if (built != PB_OK)
        status = built;
    if (status != PB_OK && status != PB_CANCELLED) {
        pb_basis_clear(basis);
    } else if (svd) {
        *svd = w.svd;
        w.svd = NULL;
    }
    clear(&w);
    pb_work_end(&task);
    return status;
}
