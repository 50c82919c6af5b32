#include <pullback/edit.h>
#include <pullback/transport.h>

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/run.h"
#include "base/shape.h"
#include "edit/stage.h"

typedef struct walk {
    size_t n, m;   /* entries of v, u */
    pb_tensor v;   /* the direction, in X, (1,c,h,w), */
    pb_tensor u;   /* and in H, (1,C,H,W) */
    pb_tensor x;   /* where it is */
    pb_basis last; /* the basis there; empty until the first step */
} walk;

static void clear(walk *w)
{
    pb_tensor_clear(&w->v);
    pb_tensor_clear(&w->u);
    pb_tensor_clear(&w->x);
    pb_basis_clear(&w->last);
}

static pb_status check_path(const pb_relinearised *path, size_t stages, pb_error *error)
{
    PB_NEED(path, "a path");
    if (path->steps == 0 || stages == 0 || stages > path->steps)
        return pb_fail(error, PB_INVALID, "%zu stages of %zu steps", stages, path->steps);
    if (!isfinite(path->length))
        return pb_fail(error, PB_INVALID, "a path of length %g", path->length);
    return pb_count_check(2, stages, path->steps, "stages of steps", error);
}

/* Under the mask of the request, (height,width), and guided as it says? Of prompts it has
 * embeddings only. */
static pb_status check_operator(const pb_basis *b, const pb_basis_request *r, size_t height,
                                size_t width, pb_error *error)
{
    const pb_tensor none = PB_TENSOR_EMPTY, *mask = r->mask ? r->mask : &none;
    double of_basis = b->guided ? b->guidance_scale : 1, of_steps = r->negative ? r->scale : 1;

    if (r->mask)
        PB_TRY(pb_shape_check(mask, 2, (size_t[2]){height, width}, "a mask", error));
    if (!pb_tensor_same(mask, &b->mask))
        return pb_fail(error, PB_INVALID, "a basis under %s, steps under %s: expected the same",
                       b->mask.data ? "a mask" : "no mask",
                       !r->mask       ? "none"
                       : b->mask.data ? "another"
                                      : "one");
    if (b->null_rank != r->null_rank)
        return pb_fail(error, PB_INVALID,
                       "a basis of null rank %zu, steps of %zu: expected the same", b->null_rank,
                       r->null_rank);
    if (!b->guided != !r->negative || of_basis != of_steps)
        return pb_fail(error, PB_INVALID,
                       "a basis of a map %s (scale %g), steps by one %s (%g): expected the same",
                       b->guided ? "guided" : "not guided", of_basis,
                       r->negative ? "guided" : "not guided", of_steps);
    return PB_OK;
}

/* Is it a basis of x at a point of the network, of the map that the request asks for? */
static pb_status check_basis(const pb_basis *b, const pb_model *model, const pb_basis_request *r,
                             size_t direction, pb_error *error)
{
    const char *from = b->from ? b->from : "", *to = b->to ? b->to : "";
    size_t channels = pb_model_get_info(model)->in_channels;
    size_t x[4] = {0}, u[4] = {0};

    PB_NEED(r->map.from, "the tap that varies, map.from");
    PB_NEED(r->map.to, "the tap observed, map.to");
    if (strcmp(from, "x") || strcmp(r->map.from, "x") || strcmp(to, r->map.to))
        return pb_fail(error, PB_INVALID,
                       "a basis of the map from \"%s\" to \"%s\", steps by that from \"%s\" to "
                       "\"%s\": expected the same, of x",
                       from, to, r->map.from, r->map.to);
    if (b->timestep != r->map.condition.timestep || b->class_label != r->map.condition.class_label)
        return pb_fail(error, PB_INVALID,
                       "a basis at timestep %g of class %ld, steps at %g of %ld: expected the same",
                       b->timestep, b->class_label, r->map.condition.timestep,
                       r->map.condition.class_label);
    PB_TRY(pb_shape_check(&b->x, 3, (size_t[3]){channels}, "the point of the basis", error));
    memcpy(x + 1, b->x.shape, 3 * sizeof *x);
    PB_TRY(pb_shape_check(&b->v, 4, x, "the v of the basis", error));
    PB_TRY(pb_model_tap_shape(model, to, x[2], x[3], u + 1, error));
    u[0] = b->v.shape[0];
    PB_TRY(pb_shape_check(&b->u, 4, u, "the u of the basis", error));
    PB_TRY(check_operator(b, r, u[2], u[3], error));
    return direction < u[0]
               ? PB_OK
               : pb_fail(error, PB_INVALID, "direction %zu of a basis of %zu", direction, u[0]);
}

/* One of several vectors, as a batch of it alone. */
static pb_status take(pb_tensor *one, const pb_tensor *all, size_t i, pb_error *error)
{
    const size_t shape[4] = {1, all->shape[1], all->shape[2], all->shape[3]};
    size_t n = pb_item_size(all);

    PB_TRY(pb_tensor_new(one, 4, shape, error));
    memcpy(one->data, all->data + i * n, n * sizeof *one->data);
    return PB_OK;
}

static pb_status begin(walk *w, const pb_basis *basis, size_t direction, pb_error *error)
{
    w->n = pb_item_size(&basis->v);
    w->m = pb_item_size(&basis->u);
    PB_TRY(take(&w->v, &basis->v, direction, error));
    PB_TRY(take(&w->u, &basis->u, direction, error));
    PB_TRY(pb_tensor_new(&w->x, 3, basis->x.shape, error));
    memcpy(w->x.data, basis->x.data, w->n * sizeof(float));
    return PB_OK;
}

/* u = the unit vector along sum_i (v_i . v) u_i: what J carries v to, but for the s_i. */
static void lift(walk *w)
{
    size_t k = w->last.v.shape[0];
    float *u = w->u.data;
    double norm = 0;

    memset(u, 0, w->m * sizeof *u);
    for (size_t i = 0; i < k; i++) {
        const float *vi = w->last.v.data + i * w->n, *ui = w->last.u.data + i * w->m;
        double c = 0;
        for (size_t l = 0; l < w->n; l++)
            c += (double)vi[l] * (double)w->v.data[l];
        for (size_t l = 0; l < w->m; l++)
            u[l] += (float)(c * (double)ui[l]);
    }
    for (size_t l = 0; l < w->m; l++)
        norm += (double)u[l] * (double)u[l];
    for (size_t l = 0; l < w->m; l++)
        u[l] = (float)((double)u[l] / sqrt(norm));
}

/* The basis at x, and the direction carried to it. */
static pb_status turn(walk *w, const pb_model *model, const pb_basis_request *request,
                      double *share, const pb_run *run, pb_error *error)
{
    pb_basis_request here = *request;
    pb_basis basis = PB_BASIS_EMPTY;
    pb_status status;
    double kept;

    here.start = w->last.v.data ? &w->last.v : request->start;
    status = pb_basis_compute(&basis, NULL, NULL, model, &here, &w->x, run, error);
    pb_basis_clear(&w->last);
    w->last = basis; /* after a stop a part of it */
    PB_TRY(status);
    pb_tensor_clear(&w->v);
    PB_TRY(pb_transport(NULL, &w->last, PB_TRANSPORT_PROJECTION, &w->u, &w->v, &kept, error));
    *share *= kept;
    lift(w);
    return PB_OK;
}

pb_status pb_relinearise(const pb_model *model, const pb_basis_request *request,
                         const pb_basis *basis, size_t direction, const pb_relinearised *path,
                         size_t stages, float *out, double *share, const pb_run *run,
                         pb_error *error)
{
    walk w = {.last = PB_BASIS_EMPTY};
    size_t steps, stage = 0;
    double kept = 1, step;
    pb_status status;
    pb_work work;
    pb_run part;

    PB_NEED(model, "a model");
    PB_NEED(request, "a request");
    PB_NEED(basis, "a basis");
    PB_NEED(out, "room for images");
    PB_TRY(check_path(path, stages, error));
    PB_TRY(check_basis(basis, model, request, direction, error));
    steps = path->steps;
    PB_TRY(pb_work_begin(&work, run, "re-linearising", steps, error));
    part = pb_work_part(&work);
    step = path->length / (double)steps;
    status = begin(&w, basis, direction, error);
    for (size_t done = 1; status == PB_OK && done <= steps; done++) {
        for (size_t l = 0; l < w.n; l++)
            w.x.data[l] = (float)((double)w.x.data[l] + step * (double)w.v.data[l]);
        if (done == pb_stage_iterate(stage + 1, steps, stages))
            memcpy(out + stage++ * w.n, w.x.data, w.n * sizeof *out);
        if (done < steps)
            status = turn(&w, model, request, &kept, &part, error);
        if (status == PB_OK)
            status = pb_work_step(&work, done, error);
    }
    clear(&w);
    pb_work_end(&work);
    if (share)
        *share = kept;
    return status;
}
