/* Basis files. */
#include <pullback/basis.h>
#include <pullback/version.h>

#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "basis/check.h"
#include "basis/fields.h"
#include "io/weights.h"

#define FORMAT "pullback basis 1"

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
    pb_metadata metadata[2 + PB_BASIS_FIELDS] = {{"format", FORMAT}};
    pb_number_text texts[PB_BASIS_FIELDS];
    size_t count = 0, entries = 1;

    entries += pb_fields_entries(PB_BASIS_FIELDS, pb_basis_fields, b, metadata + 1, texts);
    if (!b->version)
        metadata[entries++] = (pb_metadata){"version", PB_VERSION_STRING};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].tensor->data)
            tensors[count++] = all[i];
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

    if (format && strcmp(format, FORMAT) != 0)
        return pb_fail(error, PB_FORMAT,
                       "%s: not a basis file: expected the format \"" FORMAT "\", found \"%.80s\"",
                       path, format);
    b->guidance_scale = 1;
    PB_TRY(read_tensor(&b->s, file, path, "s", 1, error));
    PB_TRY(pb_set_text(&b->file, path, "a basis", error));
    PB_TRY(pb_set_text(&b->space, "", "a basis", error));
    PB_TRY(pb_fields_read(PB_BASIS_FIELDS, pb_basis_fields, b, file, path, error));
    PB_TRY(read_vectors(b, file, path, error));
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
