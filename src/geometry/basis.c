#include <pullback/basis.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/weights.h"

void pb_basis_clear(pb_basis *b)
{
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
    *b = PB_BASIS_EMPTY;
}

/* A string of its own in the place of what was there. */
static pb_status set_text(char **place, const char *text, pb_error *error)
{
    char *copy = pb_strdup(text ? text : "");

    if (!copy)
        return pb_fail_memory(error, strlen(text) + 1, "a basis");
    pb_free(*place);
    *place = copy;
    return PB_OK;
}

/* -- from an SVD ----------------------------------------------------------------------------- */

static pb_status copy_vectors(pb_tensor *tensor, size_t k, const size_t shape[3], const float *hwc,
                              pb_error *error)
{
    const size_t full[4] = {k, shape[0], shape[1], shape[2]};

    PB_TRY(pb_tensor_new(tensor, 4, full, error));
    pb_to_chw(tensor->data, hwc, k, shape[0], shape[1], shape[2]);
    return PB_OK;
}

static pb_status copy_numbers(pb_tensor *tensor, size_t k, const double *numbers, pb_error *error)
{
    PB_TRY(pb_tensor_new(tensor, 1, &k, error));
    for (size_t i = 0; i < k; i++)
        tensor->data[i] = (float)numbers[i];
    return PB_OK;
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
    PB_TRY(set_text(&b->model, "", error));
    PB_TRY(set_text(&b->model_hash, "", error));
    PB_TRY(set_text(&b->prompt, "", error));
    PB_TRY(set_text(&b->from, map->from, error));
    PB_TRY(set_text(&b->to, map->to, error));
    PB_TRY(set_text(&b->method, options->method == PB_SVD_KRYLOV ? "krylov" : "subspace", error));
    b->timestep = map->condition.timestep;
    b->t = NAN;
    b->class_label = map->condition.class_label;
    b->tolerance = options->tolerance;
    b->converged = svd->converged;
    b->applications = svd->applications;
    return PB_OK;
}

pb_status pb_basis_from_svd(pb_basis *basis, const pb_svd *svd, const pb_map_options *map,
                            const pb_svd_options *options, const pb_linearisation *linearisation,
                            const pb_tensor *x, pb_error *error)
{
    pb_status status = from_svd(basis, svd, map, options, linearisation, x, error);

    if (status != PB_OK)
        pb_basis_clear(basis);
    return status;
}

pb_status pb_basis_set_model(pb_basis *basis, const char *name, const char *hash, pb_error *error)
{
    PB_TRY(set_text(&basis->model, name, error));
    return set_text(&basis->model_hash, hash, error);
}

/* -- writing --------------------------------------------------------------------------------- */

typedef struct number {
    char text[32];
} number;

static number real(double value)
{
    number n;

    snprintf(n.text, sizeof n.text, "%.17g", value);
    return n;
}

static number integer(long value)
{
    number n;

    snprintf(n.text, sizeof n.text, "%ld", value);
    return n;
}

pb_status pb_basis_write(const pb_basis *b, const char *path, pb_error *error)
{
    const pb_named_tensor tensors[] = {{"u", &b->u},
                                       {"s", &b->s},
                                       {"v", &b->v},
                                       {"residual", &b->residual},
                                       {"angle_bound", &b->angle_bound},
                                       {"x", &b->x}};
    const number timestep = real(b->timestep), t = real(b->t), tolerance = real(b->tolerance);
    const number label = integer(b->class_label), converged = integer((long)b->converged);
    const number applications = integer((long)b->applications);
    const pb_metadata metadata[] = {{"format", "pullback basis 1"},
                                    {"version", PB_VERSION},
                                    {"model", b->model},
                                    {"model_hash", b->model_hash},
                                    {"from", b->from},
                                    {"tap", b->to},
                                    {"timestep", timestep.text},
                                    {"t", t.text},
                                    {"class_label", label.text},
                                    {"tol", tolerance.text},
                                    {"method", b->method},
                                    {"prompt", b->prompt},
                                    {"converged", converged.text},
                                    {"applications", applications.text}};

    return pb_safetensors_write(path, sizeof tensors / sizeof *tensors, tensors,
                                sizeof metadata / sizeof *metadata, metadata, error);
}

/* -- reading --------------------------------------------------------------------------------- */

/* Reads a tensor of the given rank whose first length is k (0: any). */
static pb_status read_tensor(pb_tensor *tensor, const pb_weights *file, const char *path,
                             const char *name, size_t rank, size_t k, pb_error *error)
{
    const pb_stored *stored = pb_weights_find(file, name);

    if (!stored)
        return pb_fail(error, PB_FORMAT, "%s: not a basis file: no tensor \"%s\"", path, name);
    if (stored->dtype == PB_INTEGER || stored->rank != rank || stored->count == 0)
        return pb_fail(error, PB_FORMAT,
                       "%s: tensor %s: expected %zu dimensions of floating-point numbers, found "
                       "%zu of %s",
                       path, name, rank, stored->rank, stored->dtype_name);
    if (k && stored->shape[0] != k)
        return pb_fail(error, PB_FORMAT, "%s: tensor %s: expected %zu items, found %zu", path, name,
                       k, stored->shape[0]);
    PB_TRY(pb_tensor_new(tensor, rank, stored->shape, error));
    pb_stored_read(stored, tensor->data);
    for (size_t i = 0; i < stored->count; i++)
        if (!isfinite(tensor->data[i]))
            return pb_fail(error, PB_FORMAT, "%s: tensor %s: entry %zu is not finite", path, name,
                           i);
    return PB_OK;
}

static pb_status read_text(char **place, const pb_weights *file, const char *path, const char *key,
                           pb_error *error)
{
    const char *text = pb_weights_metadata(file, key);

    if (!text)
        return pb_fail(error, PB_FORMAT, "%s: no \"%s\" in the metadata", path, key);
    return set_text(place, text, error);
}

/* A number within [least, most]; NaN passes where `least` is NaN. */
static pb_status read_number(double *place, const pb_weights *file, const char *path,
                             const char *key, double least, double most, pb_error *error)
{
    const char *text = pb_weights_metadata(file, key);
    char *end = NULL;

    if (text)
        *place = strtod(text, &end);
    if (!text || end == text || *end || !(isnan(least) || (*place >= least && *place <= most)))
        return pb_fail(error, PB_FORMAT,
                       "%s: %s in the metadata: expected a number, found \"%.80s\"", path, key,
                       text ? text : "nothing");
    return PB_OK;
}

static pb_status read_basis(pb_basis *b, const pb_weights *file, const char *path, pb_error *error)
{
    double label, converged, applications;
    size_t k;

    PB_TRY(read_tensor(&b->s, file, path, "s", 1, 0, error));
    k = b->s.shape[0];
    PB_TRY(read_tensor(&b->u, file, path, "u", 4, k, error));
    PB_TRY(read_tensor(&b->v, file, path, "v", 4, k, error));
    PB_TRY(read_tensor(&b->residual, file, path, "residual", 1, k, error));
    PB_TRY(read_tensor(&b->angle_bound, file, path, "angle_bound", 1, k, error));
    PB_TRY(read_tensor(&b->x, file, path, "x", 3, 0, error));
    PB_TRY(read_text(&b->model, file, path, "model", error));
    PB_TRY(read_text(&b->model_hash, file, path, "model_hash", error));
    PB_TRY(read_text(&b->from, file, path, "from", error));
    PB_TRY(read_text(&b->to, file, path, "tap", error));
    PB_TRY(read_text(&b->method, file, path, "method", error));
    PB_TRY(read_text(&b->prompt, file, path, "prompt", error));
    PB_TRY(read_number(&b->timestep, file, path, "timestep", 0, 1e9, error));
    PB_TRY(read_number(&b->t, file, path, "t", NAN, 0, error));
    PB_TRY(read_number(&b->tolerance, file, path, "tol", 0, 1, error));
    PB_TRY(read_number(&label, file, path, "class_label", -1, 1e9, error));
    PB_TRY(read_number(&converged, file, path, "converged", 0, (double)k, error));
    PB_TRY(read_number(&applications, file, path, "applications", 0, 1e15, error));
    b->class_label = (long)label;
    b->converged = (size_t)converged;
    b->applications = (size_t)applications;
    if (!strcmp(b->from, "x") && memcmp(b->v.shape + 1, b->x.shape, 3 * sizeof *b->x.shape) != 0)
        return pb_fail(error, PB_FORMAT, "%s: the directions v and the point x differ in shape",
                       path);
    return PB_OK;
}

pb_status pb_basis_read(pb_basis *basis, const char *path, pb_error *error)
{
    pb_weights *file;
    pb_status status;

    PB_TRY(pb_weights_open(&file, path, error));
    status = read_basis(basis, file, path, error);
    pb_weights_free(file);
    if (status != PB_OK)
        pb_basis_clear(basis);
    return status;
}
