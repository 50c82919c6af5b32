/* Basis files. */
#include <pullback/basis.h>
#include <pullback/version.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/plain.h"
#include "basis/check.h"
#include "basis/text.h"
#include "io/weights.h"

#define FORMAT "pullback basis 1"

typedef struct number {
    char text[32];
} number;

static number real(double value)
{
    number n;

    pb_plain_print(n.text, sizeof n.text, "%.17g", value);
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
    PB_NEED(b, "a basis");
    PB_NEED(path, "a path");

    const pb_named_tensor all[] = {{"u", &b->u},
                                   {"s", &b->s},
                                   {"v", &b->v},
                                   {"residual", &b->residual},
                                   {"angle_bound", &b->angle_bound},
                                   {"x", &b->x},
                                   {"mask", &b->mask},
                                   {"agreement", &b->agreement}};
    pb_named_tensor tensors[sizeof all / sizeof *all];
    size_t count = 0, entries = 0;
    const number timestep = real(b->timestep), t = real(b->t), tolerance = real(b->tolerance);
    const number label = integer(b->class_label), converged = integer((long)b->converged);
    const number applications = integer((long)b->applications);
    const number null_rank = integer((long)b->null_rank), samples = integer((long)b->samples);
    const number scale = real(b->guidance_scale), guided = integer(b->guided);
    pb_metadata metadata[] = {{"format", FORMAT},
                              {"version", PB_VERSION_STRING},
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
                              {"trajectory_prompt", b->trajectory_prompt},
                              {"negative_prompt", b->negative_prompt},
                              {"guidance_scale", scale.text},
                              {"guided", guided.text},
                              {"converged", converged.text},
                              {"applications", applications.text},
                              {"null_rank", null_rank.text},
                              {"samples", samples.text},
                              {"space", b->space}};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].tensor->data)
            tensors[count++] = all[i];
    for (size_t i = 0; i < sizeof metadata / sizeof *metadata; i++)
        if (metadata[i].value)
            metadata[entries++] = metadata[i];
    return pb_safetensors_write(path, count, tensors, entries, metadata, error);
}

/* -- reading --------------------------------------------------------------------------------- */

/* Reads a tensor of the given rank. Whether it goes with the others pb_basis_check_parts says. */
static pb_status read_tensor(pb_tensor *tensor, const pb_weights *file, const char *path,
                             const char *name, size_t rank, pb_error *error)
{
    const pb_stored *stored = pb_weights_find(file, name);

    if (!stored)
        return pb_fail(error, PB_FORMAT, "%s: not a basis file: no tensor \"%s\"", path, name);
    if (stored->dtype == PB_INTEGER || stored->rank != rank || stored->count == 0)
        return pb_fail(error, PB_FORMAT,
                       "%s: tensor %s: expected %zu dimensions of floating-point numbers, found "
                       "%zu of %s",
                       path, name, rank, stored->rank, stored->dtype_name);
    PB_TRY(pb_tensor_new(tensor, rank, stored->shape, error));
    PB_TRY(pb_stored_read(stored, tensor->data, error));
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
    return pb_basis_set_text(place, text, error);
}

/* A number within [least, most]; NaN passes where `least` is NaN. */
static pb_status read_number(double *place, const pb_weights *file, const char *path,
                             const char *key, double least, double most, pb_error *error)
{
    const char *text = pb_weights_metadata(file, key);
    char *end = NULL;

    if (text)
        *place = pb_plain_number(text, &end);
    if (!text || end == text || *end || !(isnan(least) || (*place >= least && *place <= most)))
        return pb_fail(error, PB_FORMAT,
                       "%s: %s in the metadata: expected a number, found \"%.80s\"", path, key,
                       text ? text : "nothing");
    return PB_OK;
}

/* The same of a whole one. */
static pb_status read_whole(double *place, const pb_weights *file, const char *path,
                            const char *key, double least, double most, pb_error *error)
{
    PB_TRY(read_number(place, file, path, key, least, most, error));
    return *place == floor(*place)
               ? PB_OK
               : pb_fail(error, PB_FORMAT,
                         "%s: %s in the metadata: expected a whole number, found %g", path, key,
                         *place);
}

/* A number that files of version 0.1 lack: then 0. */
static pb_status read_later_number(size_t *place, const pb_weights *file, const char *path,
                                   const char *key, pb_error *error)
{
    double value = 0;

    if (pb_weights_metadata(file, key))
        PB_TRY(read_whole(&value, file, path, key, 0, 1e9, error));
    *place = (size_t)value;
    return PB_OK;
}

/* What files of version 0.1 lack: then unknown, no guidance. */
static pb_status read_text_conditions(pb_basis *b, const pb_weights *file, const char *path,
                                      pb_error *error)
{
    const char *trajectory = pb_weights_metadata(file, "trajectory_prompt");
    const char *negative = pb_weights_metadata(file, "negative_prompt");
    size_t guided;

    if (trajectory)
        PB_TRY(pb_basis_set_text(&b->trajectory_prompt, trajectory, error));
    if (negative)
        PB_TRY(pb_basis_set_text(&b->negative_prompt, negative, error));
    b->guidance_scale = 1;
    if (pb_weights_metadata(file, "guidance_scale"))
        PB_TRY(read_number(&b->guidance_scale, file, path, "guidance_scale", -1000, 1000, error));
    PB_TRY(read_later_number(&guided, file, path, "guided", error));
    b->guided = guided != 0;
    return PB_OK;
}

/* A tensor that may be absent. */
static pb_status read_optional(pb_tensor *tensor, const pb_weights *file, const char *path,
                               const char *name, size_t rank, pb_error *error)
{
    if (!pb_weights_find(file, name))
        return PB_OK;
    return read_tensor(tensor, file, path, name, rank, error);
}

/* The vectors and what belongs to each of them. */
static pb_status read_vectors(pb_basis *b, const pb_weights *file, const char *path,
                              pb_error *error)
{
    PB_TRY(read_tensor(&b->s, file, path, "s", 1, error));
    if (b->samples) {
        PB_TRY(read_optional(&b->u, file, path, "u", 4, error));
        PB_TRY(read_optional(&b->v, file, path, "v", 4, error));
        return read_tensor(&b->agreement, file, path, "agreement", 1, error);
    }
    PB_TRY(read_tensor(&b->u, file, path, "u", 4, error));
    PB_TRY(read_tensor(&b->v, file, path, "v", 4, error));
    PB_TRY(read_tensor(&b->residual, file, path, "residual", 1, error));
    PB_TRY(read_tensor(&b->angle_bound, file, path, "angle_bound", 1, error));
    PB_TRY(read_optional(&b->mask, file, path, "mask", 2, error));
    return read_tensor(&b->x, file, path, "x", 3, error);
}

static pb_status read_basis(pb_basis *b, const pb_weights *file, const char *path, pb_error *error)
{
    const char *format = pb_weights_metadata(file, "format");
    double label, converged, applications;

    if (format && strcmp(format, FORMAT) != 0)
        return pb_fail(error, PB_FORMAT,
                       "%s: not a basis file: expected the format \"" FORMAT "\", found \"%.80s\"",
                       path, format);
    PB_TRY(pb_basis_set_text(&b->space, pb_weights_metadata(file, "space"), error));
    PB_TRY(read_later_number(&b->samples, file, path, "samples", error));
    PB_TRY(read_later_number(&b->null_rank, file, path, "null_rank", error));
    PB_TRY(read_vectors(b, file, path, error));
    PB_TRY(read_text(&b->model, file, path, "model", error));
    PB_TRY(read_text(&b->model_hash, file, path, "model_hash", error));
    PB_TRY(read_text(&b->from, file, path, "from", error));
    PB_TRY(read_text(&b->to, file, path, "tap", error));
    PB_TRY(read_text(&b->method, file, path, "method", error));
    PB_TRY(read_text(&b->prompt, file, path, "prompt", error));
    PB_TRY(read_text_conditions(b, file, path, error));
    PB_TRY(read_number(&b->timestep, file, path, "timestep", 0, 1e9, error));
    PB_TRY(read_number(&b->t, file, path, "t", NAN, 0, error));
    PB_TRY(read_number(&b->tolerance, file, path, "tol", 0, 1, error));
    PB_TRY(read_whole(&label, file, path, "class_label", -1, 1e9, error));
    PB_TRY(read_whole(&converged, file, path, "converged", 0, 1e9, error));
    PB_TRY(read_whole(&applications, file, path, "applications", 0, 1e15, error));
    b->class_label = (long)label;
    b->converged = (size_t)converged;
    b->applications = (size_t)applications;
    return pb_basis_check_parts(b, error) == PB_OK ? PB_OK
                                                   : pb_fail_in(error, PB_FORMAT, "%s", path);
}

/* Says what it is that cannot be a basis, where that is plain from its name. */
static pb_status check_name(const char *path, pb_error *error)
{
    static const char *const others[] = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff",
                                         ".npy", ".csv", ".json", ".gif",  ".svg", ".sqlite"};
    size_t n = strlen(path);

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (n > strlen(others[i]) && !strcasecmp(path + n - strlen(others[i]), others[i]))
            return pb_fail(error, PB_FORMAT,
                           "%s: expected a basis file, a .safetensors as basis and mean write it, "
                           "found a %s by its name",
                           path, others[i]);
    return PB_OK;
}

pb_status pb_basis_read(pb_basis *basis, const char *path, pb_error *error)
{
    pb_weights *file;
    pb_status status;

    PB_NEED(basis, "a place for the basis");
    PB_NEED(path, "a path");
    PB_TRY(check_name(path, error));
    PB_TRY(pb_weights_open(&file, path, error));
    status = read_basis(basis, file, path, error);
    pb_weights_free(file);
    if (status != PB_OK)
        pb_basis_clear(basis);
    return status;
}
