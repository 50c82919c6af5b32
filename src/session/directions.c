#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/order.h"
#include "base/shape.h"
#include "basis/decomposed.h"
#include "session/session.h"

/* Relative to which pre-images are solved for. */
#define TOLERANCE 1e-4

/* An h-direction has any length that floats can be divided by. */
#define SHORTEST 1e-30

void pb_direction_options_init(pb_direction_options *options)
{
    if (options)
        *options = PB_DIRECTION_DEFAULTS;
}

void pb_directions_init(pb_directions *directions)
{
    if (directions)
        *directions = PB_DIRECTIONS_EMPTY;
}

void pb_directions_clear(pb_directions *d)
{
    if (!d)
        return;
    pb_tensor_clear(&d->v);
    pb_basis_clear(&d->basis);
    pb_free(d->share);
    pb_free(d->solution);
    *d = PB_DIRECTIONS_EMPTY;
}

/* What all ways to directions share. */
typedef struct search {
    pb_session *s;
    const pb_point *point;
    const pb_direction_options *o;
    pb_directions *d;
    const pb_run *run;
} search;

/* -- the basis here ------------------------------------------------------------------------------
 */

/* Has the map so many directions? */
static pb_status check_rank(const search *f, const pb_basis_options *o, pb_error *error)
{
    const size_t *image = f->point->x.shape + 2;
    const char *from = o->from ? o->from : "x";
    const char *to = pb_session_to(f->point, o->to);
    size_t a[3], b[3], most;

    PB_TRY(pb_model_tap_shape(f->s->model, from, image[0], image[1], a, error));
    PB_TRY(pb_model_tap_shape(f->s->model, to, image[0], image[1], b, error));
    most = a[0] * a[1] * a[2] < b[0] * b[1] * b[2] ? a[0] * a[1] * a[2] : b[0] * b[1] * b[2];
    return f->o->needed <= most
               ? PB_OK
               : pb_fail(error, PB_INVALID,
                         "direction %zu: the map from %s to %s has directions 0 to %zu, and the "
                         "first few do most",
                         f->o->needed - 1, from, to, most - 1);
}

/* Will there be so many? Asked before anything is computed. */
static pb_status check_needed(const search *f, size_t count, pb_error *error)
{
    return f->o->needed <= count ? PB_OK
                                 : pb_fail(error, PB_INVALID, "direction %zu: there are 0 to %zu",
                                           f->o->needed - 1, count - 1);
}

/* rank: unless the options say one. */
static pb_status compute(const search *f, pb_basis_options here, size_t rank, pb_error *error)
{
    if (here.rank == 0)
        here.rank = rank;
    PB_TRY(check_rank(f, &here, error));
    return pb_session_basis(f->s, f->point, &here, &f->d->basis, NULL, NULL, f->run, error);
}

/* -- directions of another place -----------------------------------------------------------------
 */

/* Are they directions of x, where they are not to be carried through H? */
static pb_status check_from(const char *from, pb_error *error)
{
    return !strcmp(from, "x")
               ? PB_OK
               : pb_fail(error, PB_INVALID,
                         "directions at the tap %s: an edit needs directions of x", from);
}

/* A basis of this very point, to which directions are carried. */
static pb_status check_onto(const search *f, const pb_basis *b, pb_error *error)
{
    const size_t *image = f->point->x.shape + 2;

    PB_TRY(pb_basis_compatible(b, f->s->model, image[0], image[1], error));
    PB_TRY(check_from(b->from, error));
    return pb_point_is(f->point, b)
               ? PB_OK
               : pb_fail(error, PB_INVALID, "a basis of another point than this");
}

static pb_status carry(const search *f, int in_h, pb_error *error)
{
    const pb_basis *from = f->o->basis;
    size_t count = in_h ? from->u.shape[0] : from->v.shape[0];
    pb_directions *d = f->d;

    if (!in_h)
        PB_TRY(pb_tensor_copy(&d->v, &from->v, error));
    if (!in_h && !f->o->project)
        return pb_bases_compatible(from, &d->basis, PB_FOR_EDITING, error);
    d->share = pb_calloc(count, sizeof *d->share);
    if (!d->share)
        return pb_fail_memory(error, count * sizeof *d->share, "shares");
    return in_h ? pb_transport(from, &d->basis, f->o->form, NULL, &d->v, d->share, error)
                : pb_project(from, &d->basis, &d->v, d->share, error);
}

/* Those of a mean, or of another point: in H they are carried to the tangent space here, in X they
 * serve as they are, or projected. */
static pb_status from_elsewhere(const search *f, pb_error *error)
{
    const pb_basis *from = f->o->basis;
    int in_h = !from->samples || !strcmp(from->space, "H");
    pb_basis_options here = f->o->here;

    PB_TRY(check_needed(f, (in_h ? &from->u : &from->v)->shape[0], error));
    if (!in_h)
        PB_TRY(check_from(from->from, error));
    if (in_h && f->o->project)
        return pb_fail(error, PB_INVALID, "directions of H are carried over, not projected");
    if (f->o->onto)
        PB_TRY(check_onto(f, f->o->onto, error));
    if (in_h && here.to && strcmp(here.to, from->to))
        return pb_fail(error, PB_INVALID, "tap %s: these are directions at %s", here.to, from->to);
    if (!here.to)
        here.to = from->to;
    here.guided = from->guided;
    PB_TRY(f->o->onto ? pb_basis_copy(&f->d->basis, f->o->onto, error)
                      : compute(f, here, from->s.shape[0], error));
    return carry(f, in_h, error);
}

/* -- h-directions --------------------------------------------------------------------------------
 */

static pb_status check_length(size_t size, const float *u, size_t i, pb_error *error)
{
    double square = 0;

    for (size_t l = 0; l < size; l++)
        square += (double)u[l] * (double)u[l];
    return sqrt(square) >= SHORTEST
               ? PB_OK
               : pb_fail(error, PB_INVALID, "direction %zu has length %g: expected %g or more", i,
                         sqrt(square), SHORTEST);
}

/* Are they h-directions at the tap `to`, and so damped that a solution is sought? */
static pb_status check_u(const search *f, const char *to, pb_error *error)
{
    const pb_tensor *u = f->o->u;
    const size_t *image = f->point->x.shape + 2;
    size_t shape[4] = {0};

    PB_TRY(pb_model_tap_shape(f->s->model, to, image[0], image[1], shape + 1, error));
    PB_TRY(pb_shape_check(u, 4, shape, "h-directions", error));
    PB_TRY(check_needed(f, u->shape[0], error));
    for (size_t i = 0; i < u->shape[0]; i++)
        PB_TRY(check_length(pb_item_size(u), u->data + i * pb_item_size(u), i, error));
    return f->o->damping >= 0 && isfinite(f->o->damping)
               ? PB_OK
               : pb_fail(error, PB_INVALID, "damping %g: expected 0 or more", f->o->damping);
}

/* v_i = the damped least-squares solution of J v = u_i, normalised. b, x: room for a vector each.
 */
static pb_status solve(const search *f, const pb_decomposed *map, double damping, float *b,
                       float *x, const pb_run *run, pb_error *error)
{
    const pb_operator *op = map->op;
    const pb_tensor *u = f->o->u;
    const size_t *from = map->from, *to = map->to;

    for (size_t i = 0; i < u->shape[0]; i++) {
        pb_solution *solution = &f->d->solution[i];
        pb_to_hwc(b, u->data + i * op->rows, 1, to[0], to[1], to[2]);
        PB_TRY(pb_least_squares(solution, op->cols, x, op, op->rows, b, damping, TOLERANCE, 0, run,
                                error));
        if (!(solution->norm > 0))
            return pb_fail(error, PB_NUMERIC, "direction %zu has no pre-image", i);
        for (size_t j = 0; j < op->cols; j++)
            x[j] = (float)((double)x[j] / solution->norm);
        pb_to_chw(f->d->v.data + i * op->cols, x, 1, from[0], from[1], from[2]);
    }
    return PB_OK;
}

static pb_status pull_back(const search *f, const pb_decomposed *map, const pb_run *run,
                           pb_error *error)
{
    const pb_operator *op = map->op;
    const double damping = f->o->damping * (double)f->d->basis.s.data[0];
    const size_t *from = map->from, count = f->o->u->shape[0];
    float *b, *x;
    pb_status status;

    PB_TRY(pb_tensor_new(&f->d->v, 4, (size_t[4]){count, from[0], from[1], from[2]}, error));
    f->d->solution = pb_calloc(count, sizeof *f->d->solution);
    b = pb_malloc(op->rows, sizeof *b);
    x = pb_malloc(op->cols, sizeof *x);
    status = f->d->solution && b && x
                 ? solve(f, map, damping, b, x, run, error)
                 : pb_fail_memory(error, (op->rows + op->cols) * sizeof *x, "a pre-image");
    pb_free(b);
    pb_free(x);
    return status;
}

/* The first singular triplet sets the scale of the damping; its basis stands for the point. What is
 * solved with is what was decomposed: guided, under the mask. */
static pb_status preimages(const search *f, pb_error *error)
{
    const pb_basis_options *here = &f->o->here;
    const pb_model *model = f->s->model;
    const pb_tensor *x = &f->point->x;
    pb_decomposed map = PB_DECOMPOSED_EMPTY;
    pb_asked asked;
    const pb_run *run;
    pb_status status;
    pb_task task;

    PB_TRY(check_u(f, pb_session_to(f->point, here->to), error));
    PB_TRY(compute(f, *here, 1, error));
    PB_TRY(pb_session_ask(f->s, f->point, here, &asked, f->run, error));
    run = pb_task_begin(&task, "pre-images", f->run);
    status = pb_decomposed_begin(&map, model, &asked.request, x, run, error);
    if (status == PB_OK)
        status = pb_decomposed_restrict(&map, model, &asked.request, x, run, error);
    if (status == PB_OK)
        status = pull_back(f, &map, run, error);
    pb_decomposed_clear(&map);
    return status;
}

/* -- all -----------------------------------------------------------------------------------------
 */

static pb_status find(const search *f, pb_error *error)
{
    const pb_direction_options *o = f->o;
    const size_t *image = f->point->x.shape + 2;

    if (o->basis && o->u)
        return pb_fail(error, PB_INVALID, "directions of a basis, or pre-images of u: not both");
    if (o->here.from)
        PB_TRY(check_from(o->here.from, error));
    if (o->u)
        return preimages(f, error);
    if (o->basis) {
        PB_TRY(pb_basis_compatible(o->basis, f->s->model, image[0], image[1], error));
        if (o->carry || !pb_point_is(f->point, o->basis))
            return from_elsewhere(f, error);
        PB_TRY(check_from(o->basis->from, error));
        PB_TRY(pb_basis_copy(&f->d->basis, o->basis, error));
    } else {
        PB_TRY(check_needed(f, o->here.rank ? o->here.rank : o->needed, error));
        PB_TRY(compute(f, o->here, o->needed, error));
    }
    f->d->own = 1;
    return pb_tensor_copy(&f->d->v, &f->d->basis.v, error);
}

pb_status pb_session_directions(pb_session *s, const pb_point *point, const pb_direction_options *o,
                                pb_directions *directions, const pb_run *run, pb_error *error)
{
    const pb_direction_options defaults = PB_DIRECTION_DEFAULTS;
    search f = {s, point, o ? o : &defaults, directions, run};

    PB_NEED(s, "a session");
    PB_NEED(point, "a point");
    PB_NEED(directions, "a place for directions");
    if (directions->v.data || directions->basis.s.data)
        return pb_fail(error, PB_INVALID, "a place for directions: expected an empty one");
    PB_TRY(pb_session_has_image(s, point, error));
    PB_TRY(find(&f, error));
    return check_needed(&f, directions->v.shape[0], error);
}
