#include <pullback/basis.h>
#include <pullback/version.h>

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/shape.h"
#include "basis/fields.h"
#include "geometry/solver.h"
#include "map/linearisation.h"

void pb_basis_init(pb_basis *basis)
{
    if (basis)
        *basis = PB_BASIS_EMPTY;
}

void pb_basis_clear(pb_basis *b)
{
    if (!b)
        return;
    pb_tensor_clear(&b->u);
    pb_tensor_clear(&b->s);
    pb_tensor_clear(&b->v);
    pb_tensor_clear(&b->residual);
    pb_tensor_clear(&b->angle_bound);
    pb_tensor_clear(&b->x);
    pb_fields_clear(PB_BASIS_FIELDS, pb_basis_fields, b);
    pb_free(b->file);
    pb_tensor_clear(&b->mask);
    pb_tensor_clear(&b->agreement);
    *b = PB_BASIS_EMPTY;
}

static pb_status set(char **place, const char *text, pb_error *error)
{
    return pb_set_text(place, text, "a basis", error);
}

pb_status pb_basis_copy(pb_basis *to, const pb_basis *from, pb_error *error)
{
    PB_NEED(to, "a place for the basis");
    PB_NEED(from, "a basis");
    pb_tensor *tensors[] = {&to->u,           &to->s, &to->v,    &to->residual,
                            &to->angle_bound, &to->x, &to->mask, &to->agreement};
    const pb_tensor *given[] = {&from->u,           &from->s, &from->v,    &from->residual,
                                &from->angle_bound, &from->x, &from->mask, &from->agreement};

    *to = *from;
    to->file = NULL;
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        *tensors[i] = PB_TENSOR_EMPTY;
    PB_TRY(pb_fields_copy(PB_BASIS_FIELDS, pb_basis_fields, to, from, error));
    if (from->file)
        PB_TRY(set(&to->file, from->file, error));
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        if (given[i]->data)
            PB_TRY(pb_tensor_copy(tensors[i], given[i], error));
    return PB_OK;
}

/* -- from an SVD ----------------------------------------------------------------------------- */

static pb_status copy_vectors(pb_tensor *tensor, size_t k, const size_t shape[3],
                              const float *vectors, pb_error *error)
{
    const size_t full[4] = {k, shape[0], shape[1], shape[2]};

    PB_TRY(pb_tensor_new(tensor, 4, full, error));
    memcpy(tensor->data, vectors, pb_tensor_count(tensor) * sizeof *vectors);
    return PB_OK;
}

static pb_status copy_numbers(pb_tensor *tensor, size_t k, const double *numbers, pb_error *error)
{
    PB_TRY(pb_tensor_new(tensor, 1, &k, error));
    for (size_t i = 0; i < k; i++)
        tensor->data[i] = (float)numbers[i];
    return PB_OK;
}

/* Do the SVD and the point belong to the linearisation? */
static pb_status check(const pb_svd *svd, const pb_linearisation *linearisation, const pb_tensor *x,
                       pb_error *error)
{
    size_t image[3];

    PB_TRY(pb_svd_check(svd, pb_linearisation_operator(linearisation), error));
    PB_NEED(svd->residual, "an SVD's residuals");
    PB_NEED(svd->angle_bound, "an SVD's bounds of angles");
    if (svd->rank == 0)
        return pb_fail(error, PB_INVALID, "an SVD of rank 0");
    pb_linearisation_image(linearisation, image);
    return pb_shape_check_one(x, 3, image, "a point", error);
}

static pb_status from_svd(pb_basis *b, const pb_svd *svd, const pb_map_options *map,
                          const pb_svd_options *options, const pb_linearisation *linearisation,
                          const pb_tensor *x, pb_error *error)
{
    size_t from[3], to[3];

    pb_linearisation_shapes(linearisation, from, to);
    PB_TRY(copy_vectors(&b->u, svd->rank, to, svd->u, error));
    PB_TRY(copy_vectors(&b->v, svd->rank, from, svd->v, error));
    PB_TRY(copy_numbers(&b->s, svd->rank, svd->sigma, error));
    PB_TRY(copy_numbers(&b->residual, svd->rank, svd->residual, error));
    PB_TRY(copy_numbers(&b->angle_bound, svd->rank, svd->angle_bound, error));
    PB_TRY(pb_tensor_new(&b->x, 3, x->shape + x->rank - 3, error));
    memcpy(b->x.data, x->data, pb_tensor_count(&b->x) * sizeof *b->x.data);
    PB_TRY(set(&b->model, "", error));
    PB_TRY(set(&b->model_hash, "", error));
    PB_TRY(set(&b->prompt, "", error));
    PB_TRY(set(&b->space, "", error));
    PB_TRY(set(&b->from, map->from, error));
    PB_TRY(set(&b->to, map->to, error));
    PB_TRY(set(&b->version, PB_VERSION_STRING, error));
    PB_TRY(set(&b->method, options->method == PB_SVD_KRYLOV ? "krylov" : "subspace", error));
    b->timestep = map->condition.timestep;
    b->t = NAN;
    b->class_label = map->condition.class_label;
    b->guidance_scale = 1;
    b->tolerance = options->tolerance;
    b->converged = svd->converged;
    b->applications = svd->applications;
    return PB_OK;
}

/* What is not known is NULL. */
static pb_status set_known(char **place, const char *text, pb_error *error)
{
    if (text)
        return set(place, text, error);
    pb_free(*place);
    *place = NULL;
    return PB_OK;
}

pb_status pb_basis_set_prompts(pb_basis *basis, const char *prompt, const char *trajectory,
                               const char *negative, double guidance_scale, int guided,
                               pb_error *error)
{
    PB_NEED(basis, "a basis");
    PB_TRY(set(&basis->prompt, prompt, error));
    PB_TRY(set_known(&basis->trajectory_prompt, trajectory, error));
    PB_TRY(set_known(&basis->negative_prompt, negative, error));
    basis->guidance_scale = guidance_scale;
    basis->guided = guided;
    return PB_OK;
}

pb_status pb_basis_from_svd(pb_basis *basis, const pb_svd *svd, const pb_map_options *map,
                            const pb_svd_options *options, const pb_linearisation *linearisation,
                            const pb_tensor *x, pb_error *error)
{
    pb_status status;

    PB_NEED(basis, "a place for the basis");
    PB_NEED(svd, "an SVD");
    PB_NEED(map, "the map's options");
    PB_NEED(options, "the SVD's options");
    PB_NEED(linearisation, "a linearisation");
    PB_TRY(check(svd, linearisation, x, error));
    status = from_svd(basis, svd, map, options, linearisation, x, error);
    if (status != PB_OK)
        pb_basis_clear(basis);
    return status;
}

pb_status pb_basis_set_model(pb_basis *basis, const char *name, const char *hash, pb_error *error)
{
    PB_NEED(basis, "a basis");
    PB_TRY(set(&basis->model, name, error));
    return set(&basis->model_hash, hash, error);
}

pb_status pb_basis_set_schedule(pb_basis *basis, const pb_schedule *schedule, pb_error *error)
{
    PB_NEED(basis, "a basis");
    PB_NEED(schedule, "a schedule");
    PB_TRY(set(&basis->prediction, pb_prediction_name(pb_schedule_prediction(schedule)), error));
    PB_TRY(set(&basis->schedule, pb_schedule_kind(schedule), error));
    return set(&basis->schedule_hash, pb_schedule_hash(schedule), error);
}
