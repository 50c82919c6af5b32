/* The local latent basis of a model at a point: linearise, restrict (decomposed.h), decompose. */
#include <pullback/basis.h>

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/order.h"
#include "base/run.h"
#include "base/shape.h"
#include "basis/decomposed.h"
#include "map/linearisation.h"
#include "models/model.h"

/* Everything in use while a basis is computed; vectors are in H, W, C until they are the result. */
typedef struct work {
    const pb_basis_request *request;
    pb_run run;      /* of the parts */
    pb_decomposed d; /* which is decomposed */
    float *start;
    pb_svd *svd;
    char *loras; /* what is told of the model's */
} work;

void pb_basis_request_init(pb_basis_request *request)
{
    if (request)
        *request = PB_BASIS_REQUEST_DEFAULTS;
}

static void clear(work *w)
{
    pb_decomposed_clear(&w->d);
    pb_free(w->start);
    pb_text_free(w->loras);
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

/* The square of what a direction's length must be outside of N. */
#define CONFINED 1e-6

/* Residuals of the v's are also components along N: takes them out. */
static pb_status confine(const work *w, pb_error *error)
{
    size_t n = w->d.op->cols;

    for (size_t i = 0; w->d.null && i < w->svd->rank; i++) {
        float *v = w->svd->v + i * n;
        double norm = 0;
        for (size_t j = 0; j < w->d.null_count; j++) {
            const float *other = w->d.null + j * n;
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
                           i, w->d.null_count);
        for (size_t l = 0; l < n; l++)
            v[l] = (float)((double)v[l] / sqrt(norm));
    }
    return PB_OK;
}

static pb_status read_start(work *w, pb_svd_options *svd, pb_error *error)
{
    const pb_tensor *start = w->request->start;
    const size_t *from = w->d.from;

    PB_TRY(pb_shape_check(start, 4, (size_t[4]){0, from[0], from[1], from[2]},
                          "starting directions", error));
    w->start = pb_malloc(pb_tensor_count(start), sizeof *w->start);
    if (!w->start)
        return pb_fail_memory(error, pb_tensor_count(start) * sizeof *w->start, "a start");
    pb_to_hwc(w->start, start->data, start->shape[0], from[0], from[1], from[2]);
    svd->start = w->start;
    svd->start_count = start->shape[0];
    svd->start_length = w->d.op->cols;
    return PB_OK;
}

static pb_status decompose(work *w, const pb_model *model, const pb_tensor *x, double *verified,
                           pb_error *error)
{
    const pb_basis_request *r = w->request;
    pb_svd_options svd = r->svd;
    pb_status status;

    svd.start = NULL;
    svd.start_count = 0;
    if (r->start)
        PB_TRY(read_start(w, &svd, error));
    PB_TRY(pb_decomposed_restrict(&w->d, model, r, x, &w->run, error));
    status = r->bf16 ? pb_svd_refined(&w->svd, pb_linearisation_engine(w->d.l, true), w->d.op, &svd,
                                      &w->run, error)
                     : pb_svd_compute(&w->svd, w->d.op, &svd, &w->run, error);
    if (status == PB_CANCELLED && w->svd && confine(w, NULL) != PB_OK)
        w->svd->converged = 0;
    PB_TRY(status);
    PB_TRY(confine(w, error));
    return verified ? pb_svd_verify(w->svd, w->d.op, verified, &w->run, error) : PB_OK;
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

/* What was found, as a basis of the model of that hash, "" where it is not known. */
static pb_status build(pb_basis *basis, const work *w, const pb_model *model, const pb_tensor *x,
                       const char *hash, pb_error *error)
{
    const pb_basis_request *r = w->request;

    PB_TRY(rearrange(w->svd->u, w->svd->rank, w->d.to, error));
    PB_TRY(rearrange(w->svd->v, w->svd->rank, w->d.from, error));
    PB_TRY(pb_basis_from_svd(basis, w->svd, &r->map, &r->svd, w->d.l, x, error));
    if (r->mask)
        PB_TRY(pb_tensor_copy(&basis->mask, r->mask, error));
    basis->null_rank = r->null_rank;
    PB_TRY(pb_basis_set_schedule(basis, pb_model_schedule(model), error));
    if (w->loras)
        PB_TRY(pb_set_text(&basis->loras, w->loras, "a basis", error));
    return pb_basis_set_model(basis, pb_model_get_info(model)->path, hash, error);
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
    work w = {.request = request, .d = PB_DECOMPOSED_EMPTY};
    pb_status status, built = PB_OK;
    char hash[65] = "";
    pb_work task;

    if (svd)
        *svd = NULL;
    PB_NEED(basis, "a place for the basis");
    PB_NEED(model, "a model");
    PB_TRY(check(request, error));
    PB_TRY(pb_work_begin(&task, run, "basis", 0, error));
    w.run = pb_work_part(&task);
    status = pb_decomposed_begin(&w.d, model, request, x, &w.run, error);
    if (status == PB_OK)
        status = decompose(&w, model, x, verified, error);
    if (status == PB_OK)
        status = pb_model_hash(model, hash, &w.run, error);
    if (status == PB_OK)
        status = pb_model_describe_loras(model, &w.loras, &w.run, error);
    if (status == PB_CANCELLED) {
        keep(&w);
        pb_model_known_hash(model, hash);
    }
    for (size_t i = 0; status == PB_CANCELLED && verified && i < request->svd.rank; i++)
        verified[i] = NAN;
    if (w.svd && (status == PB_OK || status == PB_CANCELLED))
        built = build(basis, &w, model, x, hash, error);
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
