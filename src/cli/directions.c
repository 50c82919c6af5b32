#include "cli/directions.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/order.h"
#include "map/linearisation.h"
#include "terminal/progress.h"

void pb_directions_clear(pb_directions *directions)
{
    pb_tensor_clear(&directions->v);
    pb_basis_found_clear(&directions->found);
}

pb_transport_form pb_transport_form_of(const char *name)
{
    return name && !strcmp(name, "pseudo-inverse") ? PB_TRANSPORT_INVERSE : PB_TRANSPORT_PROJECTION;
}

pb_status pb_read_basis_of(pb_basis *basis, const pb_session *s, const char *path, pb_error *error)
{
    PB_TRY(pb_basis_read(basis, path, error));
    PB_TRY(pb_check_model(s->model, basis->model_hash, path, basis->model, error));
    return pb_basis_compatible(basis, s->model, 0, 0, error) == PB_OK
               ? PB_OK
               : pb_fail_in(error, PB_INVALID, "%s", path);
}

pb_status pb_model_of_basis(pb_cli *cli, const char *path, pb_error *error)
{
    pb_basis basis = PB_BASIS_EMPTY;
    char *name;

    if (cli->model)
        return PB_OK;
    PB_TRY(pb_basis_read(&basis, path, error));
    name = g_strdup(basis.model);
    g_ptr_array_add(cli->owned, name);
    cli->model = name;
    pb_basis_clear(&basis);
    return PB_OK;
}

pb_status pb_point_of_basis(pb_point *point, pb_session *s, const pb_basis *basis, int steps,
                            const pb_text_options *given, pb_error *error)
{
    const size_t shape[4] = {1, basis->x.shape[0], basis->x.shape[1], basis->x.shape[2]};

    s->class_label = basis->class_label;
    PB_TRY(pb_prompts_of_basis(&s->prompts, s->cli, given, basis, error));
    if (!s->evaluator)
        PB_TRY(pb_session_size(s, shape[2], shape[3], error));
    if (shape[2] != s->height || shape[3] != s->width)
        return pb_fail(error, PB_INVALID,
                       "a point of %zu x %zu, the other of %zu x %zu: expected "
                       "one size",
                       shape[2], shape[3], s->height, s->width);
    pb_tensor_clear(&point->x);
    PB_TRY(pb_tensor_new(&point->x, 4, shape, error));
    memcpy(point->x.data, basis->x.data, pb_tensor_count(&basis->x) * sizeof(float));
    point->t = basis->t;
    point->timestep = basis->timestep;
    point->grid = pb_grid_of(pb_schedule_length(s->schedule), (size_t)steps, basis->timestep);
    return PB_OK;
}

/* The image beside a basis file must lead to the point in it. */
static pb_status check_same_point(const char *file, const char *image, const pb_basis *basis,
                                  const pb_point *point, pb_error *error)
{
    double difference = 0, norm = 0;

    if (pb_tensor_count(&point->x) == pb_tensor_count(&basis->x))
        for (size_t i = 0; i < pb_tensor_count(&basis->x); i++) {
            double d = (double)point->x.data[i] - (double)basis->x.data[i];
            difference += d * d;
            norm += (double)basis->x.data[i] * (double)basis->x.data[i];
        }
    if (norm > 0 && sqrt(difference / norm) < 1e-2)
        return PB_OK;
    return pb_fail(
        error, PB_INVALID,
        "%s belongs to another point than %s leads to: give the --crop, --fit, --steps and "
        "prompts it was computed with; or compute the photo's own basis, or carry the "
        "direction over with transport",
        file, image);
}

static pb_status copy_tensor(pb_tensor *to, const pb_tensor *from, pb_error *error)
{
    PB_TRY(pb_tensor_new(to, from->rank, from->shape, error));
    memcpy(to->data, from->data, pb_tensor_count(from) * sizeof *to->data);
    return PB_OK;
}

/* Has the map so many directions? */
static pb_status check_rank(const pb_session *s, const pb_basis_options *o, size_t needed,
                            pb_error *error)
{
    const char *from = o->from ? o->from : "x", *to = o->to ? o->to : "mid";
    size_t a[3], b[3], most;

    PB_TRY(pb_model_tap_shape(s->model, from, s->height, s->width, a, error));
    PB_TRY(pb_model_tap_shape(s->model, to, s->height, s->width, b, error));
    most = MIN(a[0] * a[1] * a[2], b[0] * b[1] * b[2]);
    return needed <= most ? PB_OK
                          : pb_fail(error, PB_INVALID,
                                    "--direction %zu: the map from %s to %s has directions 0 to "
                                    "%zu, and the first few do most",
                                    needed - 1, from, to, most - 1);
}

/* -- the basis at the point -------------------------------------------------------------------- */

static pb_status compute(pb_directions *d, pb_point *point, pb_session *s,
                         const pb_point_options *where, const pb_direction_options *o, size_t rank,
                         pb_error *error)
{
    pb_basis_options basis = o->basis_here;

    if (basis.rank == 0)
        basis.rank = (int)rank;
    PB_TRY(pb_point_find(point, s, where, error));
    PB_TRY(check_rank(s, &basis, o->needed, error));
    return pb_basis_at(&d->found, s, point, &basis, error);
}

static pb_status reuse(pb_directions *d, pb_point *point, pb_session *s,
                       const pb_point_options *where, const pb_direction_options *o,
                       pb_error *error)
{
    pb_point_options there = *where;
    const pb_basis *basis = &d->found.basis;

    if (strcmp(basis->from, "x"))
        return pb_fail(error, PB_INVALID,
                       "%s: directions at the tap %s: an edit needs directions of x", o->basis,
                       basis->from);
    if (!isnan(where->t) || where->x || where->seed >= 0)
        return pb_fail(error, PB_INVALID,
                       "--basis %s has its own point: expected neither --t, --x nor --seed",
                       o->basis);
    PB_TRY(pb_cli_refuse(s->cli, "tap,rank,tol,mask,null-rank,class",
                         "is settled by --basis, whose directions these are", error));
    PB_TRY(pb_cli_refuse(s->cli, "form,project", "goes with a --basis that is a mean", error));
    if (!where->image)
        PB_TRY(pb_cli_refuse(s->cli, "height,width", "is settled by --basis", error));
    s->class_label = basis->class_label;
    s->fits = basis;
    s->fits_by = o->basis;
    PB_TRY(pb_prompts_of_basis(&s->prompts, s->cli, &where->text, basis, error));
    if (where->image) {
        there.t = basis->timestep / (double)pb_schedule_length(s->schedule);
        PB_TRY(pb_point_find(point, s, &there, error));
        PB_TRY(check_same_point(o->basis, where->image, basis, point, error));
    }
    PB_TRY(pb_point_of_basis(point, s, basis, where->steps, &where->text, error));
    return copy_tensor(&d->v, &basis->v, error);
}

/* -- carried over --------------------------------------------------------------------------------
 */

/* Can it be used so, whatever the point? */
static pb_status check_mean(const pb_basis *mean, const pb_session *s,
                            const pb_point_options *where, const pb_direction_options *o,
                            pb_error *error)
{
    int in_h = !strcmp(mean->space, "H");

    if (!where->image && !where->x && where->seed < 0)
        return pb_fail(error, PB_INVALID,
                       "%s is a mean of %zu bases: edit what? an image, --x F or --seed S",
                       o->basis, mean->samples);
    if (!in_h && strcmp(mean->from, "x"))
        return pb_fail(error, PB_INVALID,
                       "%s: directions at the tap %s: an edit needs directions of x", o->basis,
                       mean->from);
    if (in_h && o->basis_here.to && strcmp(o->basis_here.to, mean->to))
        return pb_fail(error, PB_INVALID, "--tap %s: %s holds directions at %s", o->basis_here.to,
                       o->basis, mean->to);
    return in_h ? pb_cli_refuse(s->cli, "project", "goes with a mean of X, this is one of H", error)
                : pb_cli_refuse(s->cli, "form", "goes with a mean of H, this is one of X", error);
}

/* A mean: one of H is carried to the tangent space here, one of X serves as it is, or projected. */
static pb_status use_mean(pb_directions *d, pb_point *point, pb_session *s,
                          const pb_point_options *where, const pb_direction_options *o,
                          pb_error *error)
{
    pb_point_options there = *where;
    pb_direction_options here = *o;
    pb_basis mean = d->found.basis;
    int in_h = !strcmp(mean.space, "H");
    double *share;
    pb_status status;

    d->found.basis = PB_BASIS_EMPTY;
    status = check_mean(&mean, s, where, o, error);
    if (status != PB_OK) {
        pb_basis_clear(&mean);
        return status;
    }
    if (isnan(where->t) && isnan(where->timestep) && where->image)
        there.t = mean.timestep / (double)pb_schedule_length(s->schedule);
    if (!here.basis_here.to)
        here.basis_here.to = mean.to;
    here.basis_here.guided = mean.guided;
    if (mean.guided && isnan(where->text.scale))
        s->prompts.scale = mean.guidance_scale;
    share = pb_malloc(mean.s.shape[0], sizeof *share);
    status = share ? PB_OK : pb_fail_memory(error, mean.s.shape[0] * sizeof *share, "shares");
    s->fits = &mean;
    s->fits_by = o->basis;
    if (status == PB_OK)
        status = compute(d, point, s, &there, &here, mean.s.shape[0], error);
    if (status == PB_OK && in_h)
        status = pb_transport(&d->found.basis, o->form_value, &mean.u, &d->v, share, error);
    else if (status == PB_OK) {
        status = copy_tensor(&d->v, &mean.v, error);
        if (status == PB_OK && o->project)
            status = pb_project(&d->found.basis, &d->v, share, error);
    }
    for (size_t i = 0;
         status == PB_OK && (in_h || o->project) && i < o->needed && i < d->v.shape[0]; i++)
        pb_say(s->cli, "direction %zu: a share of %.3f of it lies in the tangent space here", i,
               share[i]);
    s->fits = NULL;
    pb_free(share);
    pb_basis_clear(&mean);
    return status;
}

/* -- h-directions
 * ---------------------------------------------------------------------------------- */

/* (k,C,H,W) of a .npy, or the v of a basis that varies the tap. */
static pb_status read_h(pb_tensor *u, const pb_session *s, const char *path, const char *tap,
                        pb_error *error)
{
    pb_basis basis = PB_BASIS_EMPTY;
    pb_status status;

    if (pb_has_ending(path, ".npy")) {
        PB_TRY(pb_npy_read(u, path, error));
        if (u->rank == 3) {
            memmove(u->shape + 1, u->shape, 3 * sizeof *u->shape);
            u->shape[0] = 1;
            u->rank = 4;
        }
        return u->rank == 4 && pb_tensor_count(u)
                   ? PB_OK
                   : pb_fail(error, PB_INVALID, "%s: expected (C,H,W) or (k,C,H,W)", path);
    }
    status = pb_read_basis_of(&basis, s, path, error);
    if (status != PB_OK) {
        pb_basis_clear(&basis);
        return status;
    }
    if (strcmp(basis.from, tap) == 0) {
        *u = basis.v;
        basis.v = PB_TENSOR_EMPTY;
    } else if (strcmp(basis.to, tap) == 0 && basis.u.data) {
        *u = basis.u;
        basis.u = PB_TENSOR_EMPTY;
    }
    if (!u->data)
        status = pb_fail(error, PB_INVALID, "%s: directions from %s to %s, none at the tap %s",
                         path, basis.from, basis.to, tap);
    pb_basis_clear(&basis);
    return status;
}

#define SHORTEST 1e-30

/* An h-direction has any length that floats can be divided by. */
static pb_status check_length(size_t size, const float *u, size_t i, const char *path,
                              pb_error *error)
{
    double square = 0;

    for (size_t l = 0; l < size; l++)
        square += (double)u[l] * (double)u[l];
    return sqrt(square) >= SHORTEST
               ? PB_OK
               : pb_fail(error, PB_INVALID, "%s: direction %zu has length %g: expected %g or more",
                         path, i, sqrt(square), SHORTEST);
}

/* v_i = the damped least-squares solution of J v = u_i, normalised. */
static pb_status solve(pb_tensor *v, const pb_session *s, const pb_linearisation *l,
                       const pb_tensor *u, double damping, const char *path, pb_error *error)
{
    const pb_run run = pb_progress_run(s->cli, NULL);
    const pb_operator *op = pb_linearisation_engine(l, false);
    size_t from[3], to[3], n = op->cols;
    float *b = pb_malloc(op->rows, sizeof *b), *x = pb_malloc(n, sizeof *x);
    pb_status status = PB_OK;

    pb_linearisation_shapes(l, from, to);
    if (!b || !x)
        status = pb_fail_memory(error, (n + op->rows) * sizeof *x, "a pre-image");
    else if (memcmp(u->shape + 1, to, sizeof to))
        status = pb_fail(error, PB_INVALID, "%s: %zu x %zu x %zu, the tap has %zu x %zu x %zu",
                         path, u->shape[1], u->shape[2], u->shape[3], to[0], to[1], to[2]);
    else
        status = pb_tensor_new(v, 4, (size_t[]){u->shape[0], from[0], from[1], from[2]}, error);
    for (size_t i = 0; status == PB_OK && i < u->shape[0]; i++) {
        pb_solution solution;
        status = check_length(op->rows, u->data + i * op->rows, i, path, error);
        if (status != PB_OK)
            break;
        pb_to_hwc(b, u->data + i * op->rows, 1, to[0], to[1], to[2]);
        status = pb_least_squares(&solution, n, x, op, op->rows, b, damping, 1e-4, 0, &run, error);
        if (status == PB_OK && !(solution.norm > 0))
            status = pb_fail(error, PB_NUMERIC, "%s: direction %zu has no pre-image", path, i);
        if (status != PB_OK)
            break;
        for (size_t j = 0; j < n; j++)
            x[j] = (float)((double)x[j] / solution.norm);
        pb_to_chw(v->data + i * n, x, 1, from[0], from[1], from[2]);
        pb_say(s->cli, "direction %zu: |Jv - u| = %.3f |u| after %zu iterations", i,
               solution.residual, solution.iterations);
    }
    pb_free(b);
    pb_free(x);
    return status;
}

/* The first singular triplet sets the scale of the damping; its basis stands for the point. */
static pb_status preimages(pb_directions *d, pb_point *point, pb_session *s,
                           const pb_point_options *where, const pb_direction_options *o,
                           pb_error *error)
{
    const char *tap = o->basis_here.to ? o->basis_here.to : "mid";
    pb_tensor u = PB_TENSOR_EMPTY;
    pb_linearisation *l = NULL;
    pb_status status = read_h(&u, s, o->u, tap, error);

    if (status == PB_OK)
        status = compute(d, point, s, where, o, 1, error);
    if (status == PB_OK) {
        const pb_map_options map = {.from = "x",
                                    .to = tap,
                                    .condition =
                                        pb_session_condition(s, PB_EDIT_PROMPT, point->timestep)};
        const pb_run run = pb_progress_run(s->cli, NULL);
        status = pb_linearise(&l, s->model, &map, &point->x, &run, error);
    }
    if (status == PB_OK)
        status = solve(&d->v, s, l, &u, o->damping * (double)d->found.basis.s.data[0], o->u, error);
    pb_linearisation_free(l);
    pb_tensor_clear(&u);
    return status;
}

/* -- all
 * ---------------------------------------------------------------------------------------------- */

pb_status pb_directions_find(pb_directions *d, pb_point *point, pb_session *s,
                             const pb_point_options *where, const pb_direction_options *o,
                             pb_error *error)
{
    d->found.basis = PB_BASIS_EMPTY;
    if (o->basis) {
        PB_TRY(pb_read_basis_of(&d->found.basis, s, o->basis, error));
        PB_TRY(d->found.basis.samples ? use_mean(d, point, s, where, o, error)
                                      : reuse(d, point, s, where, o, error));
    } else if (o->u)
        PB_TRY(preimages(d, point, s, where, o, error));
    else {
        PB_TRY(compute(d, point, s, where, o, o->needed, error));
        PB_TRY(copy_tensor(&d->v, &d->found.basis.v, error));
    }
    if (o->needed > d->v.shape[0])
        return pb_fail(error, PB_INVALID, "--direction %zu: %s has 0 to %zu", o->needed - 1,
                       o->basis ? o->basis
                       : o->u   ? o->u
                                : "the basis",
                       d->v.shape[0] - 1);
    return PB_OK;
}
