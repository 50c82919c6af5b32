#include "io/noisy.h"

#include <pullback/version.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/weights.h"

void pb_noisy_clear(pb_noisy *n)
{
    pb_free(n->model);
    pb_free(n->model_hash);
    pb_free(n->prompt);
    pb_free(n->negative);
    *n = PB_NOISY_EMPTY;
}

pb_status pb_noisy_write(const pb_noisy *n, const pb_tensor *x, const char *path, pb_error *error)
{
    const pb_named_tensor tensor = {"x", x};
    char timestep[32], t[32], steps[32], label[32], scale[32];
    const pb_metadata all[] = {{"format", "pullback image 1"},
                               {"version", PB_VERSION_STRING},
                               {"model", n->model},
                               {"model_hash", n->model_hash},
                               {"timestep", timestep},
                               {"t", t},
                               {"steps", steps},
                               {"class_label", label},
                               {"trajectory_prompt", n->prompt},
                               {"negative_prompt", n->negative},
                               {"guidance_scale", scale}};
    pb_metadata metadata[sizeof all / sizeof *all];
    size_t count = 0;

    snprintf(timestep, sizeof timestep, "%.17g", n->timestep);
    snprintf(t, sizeof t, "%.17g", n->t);
    snprintf(steps, sizeof steps, "%zu", n->steps);
    snprintf(label, sizeof label, "%ld", n->class_label);
    snprintf(scale, sizeof scale, "%.17g", n->scale);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].value)
            metadata[count++] = all[i];
    return pb_safetensors_write(path, 1, &tensor, count, metadata, error);
}

/* -- reading --------------------------------------------------------------------------------- */

static pb_status read_text(char **place, const pb_weights *file, const char *key, pb_error *error)
{
    const char *text = pb_weights_metadata(file, key);

    if (!text)
        return PB_OK;
    *place = pb_strdup(text);
    return *place ? PB_OK : pb_fail_memory(error, strlen(text), "metadata");
}

/* A number within [least, most]; left as it is where there is none. NaN passes for t only. */
static pb_status read_number(double *place, const pb_weights *file, const char *path,
                             const char *key, double least, double most, pb_error *error)
{
    const char *text = pb_weights_metadata(file, key);
    char *end;
    double value;

    if (!text)
        return PB_OK;
    value = strtod(text, &end);
    if (end == text || *end || !(value >= least && value <= most))
        return pb_fail(error, PB_FORMAT,
                       "%s: %s in the metadata: expected a number from %g to %g, found \"%.80s\"",
                       path, key, least, most, text);
    *place = value;
    return PB_OK;
}

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
    const char *t = pb_weights_metadata(file, "t");
    double steps = 0, label = -1;

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
    PB_TRY(read_number(&n->timestep, file, path, "timestep", 0, 1e9, error));
    if (t && strcmp(t, "nan") && strcmp(t, "-nan"))
        PB_TRY(read_number(&n->t, file, path, "t", 0, 1, error));
    PB_TRY(read_number(&steps, file, path, "steps", 2, 100000, error));
    PB_TRY(read_number(&label, file, path, "class_label", -1, 1e9, error));
    PB_TRY(read_number(&n->scale, file, path, "guidance_scale", -1000, 1000, error));
    if (steps != floor(steps) || label != floor(label))
        return pb_fail(error, PB_FORMAT,
                       "%s: steps and class_label in the metadata: expected whole numbers, found "
                       "%g and %g",
                       path, steps, label);
    n->steps = (size_t)steps;
    n->class_label = (long)label;
    PB_TRY(read_text(&n->model, file, "model", error));
    PB_TRY(read_text(&n->model_hash, file, "model_hash", error));
    PB_TRY(read_text(&n->prompt, file, "trajectory_prompt", error));
    PB_TRY(read_text(&n->negative, file, "negative_prompt", error));
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
