#include <pullback/edit.h>
#include <pullback/transport.h>

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "edit/stage.h"

typedef struct walk {
    size_t n, m;   /* entries of v, u */
    float *v, *u;  /* the direction, in X and in H */
    pb_tensor x;   /* where it is */
    pb_basis last; /* the basis there; empty until the first step */
} walk;

static void clear(walk *w)
{
    pb_free(w->v);
    pb_free(w->u);
    pb_tensor_clear(&w->x);
    pb_basis_clear(&w->last);
}

static pb_status begin(walk *w, const pb_basis *basis, size_t direction, pb_error *error)
{
    size_t k = basis->v.rank == 4 && basis->u.rank == 4 ? basis->v.shape[0] : 0;

    if (direction >= k || !basis->x.data || strcmp(basis->from, "x"))
        return pb_fail(error, PB_INVALID,
                       "direction %zu of a basis of %zu from \"%s\": expected one of x at a point",
                       direction, k, basis->from ? basis->from : "");
    w->n = pb_tensor_count(&basis->v) / k;
    w->m = pb_tensor_count(&basis->u) / k;
    w->v = pb_malloc(w->n, sizeof *w->v);
    w->u = pb_malloc(w->m, sizeof *w->u);
    if (!w->v || !w->u)
        return pb_fail_memory(error, (w->n + w->m) * sizeof *w->v, "a direction");
    memcpy(w->v, basis->v.data + direction * w->n, w->n * sizeof *w->v);
    memcpy(w->u, basis->u.data + direction * w->m, w->m * sizeof *w->u);
    PB_TRY(pb_tensor_new(&w->x, 3, basis->x.shape, error));
    memcpy(w->x.data, basis->x.data, w->n * sizeof *w->v);
    return PB_OK;
}

/* u = the unit vector along sum_i (v_i . v) u_i: what J carries v to, but for the s_i. */
static void lift(walk *w)
{
    size_t k = w->last.v.shape[0];
    double norm = 0;

    memset(w->u, 0, w->m * sizeof *w->u);
    for (size_t i = 0; i < k; i++) {
        const float *vi = w->last.v.data + i * w->n, *ui = w->last.u.data + i * w->m;
        double c = 0;
        for (size_t l = 0; l < w->n; l++)
            c += (double)vi[l] * (double)w->v[l];
        for (size_t l = 0; l < w->m; l++)
            w->u[l] += (float)(c * (double)ui[l]);
    }
    for (size_t l = 0; l < w->m; l++)
        norm += (double)w->u[l] * (double)w->u[l];
    for (size_t l = 0; l < w->m; l++)
        w->u[l] = (float)((double)w->u[l] / sqrt(norm));
}

/* The basis at x, and the direction carried to it. */
static pb_status turn(walk *w, const pb_model *model, const pb_basis_request *request,
                      double *share, pb_error *error)
{
    pb_basis_request here = *request;
    pb_basis basis = PB_BASIS_EMPTY;
    double kept;

    here.start = w->last.v.data ? &w->last.v : request->start;
    PB_TRY(pb_basis_compute(&basis, NULL, NULL, model, &here, &w->x, error));
    pb_basis_clear(&w->last);
    w->last = basis;
    PB_TRY(pb_transport(&w->last, PB_TRANSPORT_PROJECTION, 1, w->u, w->v, &kept, error));
    *share *= kept;
    lift(w);
    return PB_OK;
}

pb_status pb_relinearise(const pb_model *model, const pb_basis_request *request,
                         const pb_basis *basis, size_t direction, const pb_relinearised *path,
                         size_t stages, float *out, double *share, pb_progress progress,
                         void *progress_context, pb_error *error)
{
    size_t steps = path->steps, stage = 0;
    walk w = {.last = PB_BASIS_EMPTY};
    double kept = 1, step = path->length / (double)steps;
    pb_status status;

    if (steps == 0 || stages == 0 || stages > steps)
        return pb_fail(error, PB_INVALID, "%zu stages of %zu steps", stages, steps);
    status = begin(&w, basis, direction, error);
    for (size_t done = 1; status == PB_OK && done <= steps; done++) {
        for (size_t l = 0; l < w.n; l++)
            w.x.data[l] = (float)((double)w.x.data[l] + step * (double)w.v[l]);
        if (done == pb_stage_iterate(stage + 1, steps, stages))
            memcpy(out + stage++ * w.n, w.x.data, w.n * sizeof *out);
        if (done < steps)
            status = turn(&w, model, request, &kept, error);
        if (status == PB_OK && progress && progress(progress_context, done, steps))
            status = pb_fail(error, PB_CANCELLED, "cancelled");
    }
    clear(&w);
    if (share)
        *share = kept;
    return status;
}
