#include "io/noisy.h"

#include <pullback/version.h>

#include <math.h>
#include <string.h>

#include "base/memory.h"

static const pb_field fields[] = {PB_NOISY_FIELDS(pb_noisy, false)};

#define FIELDS (sizeof fields / sizeof *fields)

void pb_noisy_clear(pb_noisy *n)
{
    pb_fields_clear(FIELDS, fields, n);
    *n = PB_NOISY_EMPTY;
}

pb_status pb_noisy_write(const pb_noisy *n, const pb_tensor *x, const char *path, pb_error *error)
{
    const pb_named_tensor tensor = {"x", x};
    pb_metadata metadata[2 + FIELDS] = {{"format", "pullback image 1"}, {"version", PB_VERSION_STRING}};
    pb_number_text texts[FIELDS];
    size_t count = 2 + pb_fields_entries(FIELDS, fields, n, metadata + 2, texts);

    return pb_safetensors_write(path, 1, &tensor, count, metadata, error);
}

/* -- reading --------------------------------------------------------------------------------- */

static pb_status read_images(pb_tensor *x, const pb_weights *file, const char *path,
                             pb_error *error)
{
    const pb_stored *stored = pb_weights_find(file, "x");
    size_t shape[4] = {1}, add;

    if (stored->dtype == PB_INTEGER || stored->count == 0 ||
        (stored->rank != 3 && stored->rank != 4))
        return pb_fail(error, PB_FORMAT,
                       "%s: tensor x: expected floating-point numbers (n, channels, height, "
                       "width), found %zu dimensions of %s",
                       path, stored->rank, stored->dtype_name);
    add = 4 - stored->rank;
    memcpy(shape + add, stored->shape, stored->rank * sizeof *shape);
    PB_TRY(pb_tensor_new(x, 4, shape, error));
    PB_TRY(pb_stored_read(stored, x->data, error));
    for (size_t i = 0; i < stored->count; i++)
        if (!isfinite(x->data[i]))
            return pb_fail(error, PB_FORMAT, "%s: tensor x: entry %zu is not finite", path, i);
    return PB_OK;
}

static pb_status read_file(pb_noisy *n, pb_tensor *x, const pb_weights *file, const char *path,
                           pb_error *error)
{
    if (!pb_weights_find(file, "x"))
        return pb_fail(
            error, PB_FORMAT,
            "%s: no tensor \"x\": expected images as invert writes them, or a basis at a "
            "point (a mean has none)",
            path);
    if (!pb_weights_metadata(file, "timestep"))
        return pb_fail(
            error, PB_FORMAT,
            "%s: no \"timestep\" in the metadata: expected images as invert writes them, "
            "or a basis at a point",
            path);
    n->t = NAN;
    PB_TRY(pb_fields_read(FIELDS, fields, n, file, path, error));
    return x ? read_images(x, file, path, error) : PB_OK;
}

pb_status pb_noisy_read(pb_noisy *noisy, pb_tensor *x, const char *path, pb_error *error)
{
    pb_weights *file;
    pb_status status;

    PB_TRY(pb_weights_open(&file, path, error));
    status = read_file(noisy, x, file, path, error);
    pb_weights_free(file);
    return status;
}
