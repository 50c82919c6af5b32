#include <pullback/basis.h>

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/shape.h"
#include "basis/text.h"
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
    pb_free(b->model);
    pb_free(b->model_hash);
    pb_free(b->from);
    pb_free(b->to);
    pb_free(b->method);
    pb_free(b->prompt);
    pb_free(b->trajectory_prompt);
    pb_free(b->negative_prompt);
    pb_free(b->space);
    pb_tensor_clear(&b->mask);
    pb_tensor_clear(&b->agreement);
    *b = PB_BASIS_EMPTY;
}

pb_status pb_basis_set_text(char **place, const char *text, pb_error *error)
{
    char *copy;

    if (!text)
        text = "";
    copy = pb_strdup(text);
    if (!copy)
        return pb_fail_memory(error, strlen(text) + 1, "a basis");
    pb_free(*place);
    *place = copy;
    return PB_OK;
}

pb_status pb_basis_copy(pb_basis *to, const pb_basis *from, pb_error *error)
{
    PB_NEED(to, "a place for the basis");
    PB_NEED(from, "a basis");
    pb_tensor *tensors[] = {&to->u,           &to->s, &to->v,    &to->residual,
                            &to->angle_bound, &to->x, &to->mask, &to->agreement};
    const pb_tensor *given[] = {&from->u,           &from->s, &from->v,    &from->residual,
                                &from->angle_bound, &from->x, &from->mask, &from->agreement};
    char **texts[] = {&to->model,
                      &to->model_hash,
                      &to->from,
                      &to->to,
                      &to->method,
                      &to->prompt,
                      &to->trajectory_prompt,
                      &to->negative_prompt,
                      &to->space};
    char *const said[] = {from->model,
                          from->model_hash,
                          from->from,
                          from->to,
                          from->method,
                          from->prompt,
                          from->trajectory_prompt,
                          from->negative_prompt,
                          from->space};

    *to = *from;
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        *tensors[i] = PB_TENSOR_EMPTY;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = NULL;
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        if (given[i]->data)
            PB_TRY(pb_tensor_copy(tensors[i], given[i], error));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (said[i])
            PB_TRY(pb_basis_set_text(texts[i], said[i], error));
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
    PB_TRY(pb_basis_set_text(&b->model, "", error));
    PB_TRY(pb_basis_set_text(&b->model_hash, "", error));
    PB_TRY(pb_basis_set_text(&b->prompt, "", error));
    PB_TRY(pb_basis_set_text(&b->space, "", error));
    PB_TRY(pb_basis_set_text(&b->from, map->from, error));
    PB_TRY(pb_basis_set_text(&b->to, map->to, error));
    PB_TRY(pb_basis_set_text(&b->method, options->method == PB_SVD_KRYLOV ? "krylov" : "subspace",
                             error));
    b->timestep = map->condition.timestep;
    b->t = NAN;
    b->class_label = map->condition.class_label;
    b->guidance_scale = 1;
    b->tolerance = options->tolerance;
    b->converged = svd->converged;
    b->applications = svd->applications;
    return PB_OK;
}

pb_status pb_basis_set_prompts(pb_basis *basis, const char *prompt, const char *trajectory,
                               const char *negative, double guidance_scale, int guided,
                               pb_error *error)
{
    PB_NEED(basis, "a basis");
    PB_TRY(pb_basis_set_text(&basis->prompt, prompt, error));
    PB_TRY(pb_basis_set_text(&basis->trajectory_prompt, trajectory, error));
    PB_TRY(pb_basis_set_text(&basis->negative_prompt, negative, error));
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
    PB_TRY(pb_basis_set_text(&basis->model, name, error));
    return pb_basis_set_text(&basis->model_hash, hash, error);
}
