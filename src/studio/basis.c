#include "studio/basis.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/ending.h"
#include "base/memory.h"
#include "base/shape.h"
#include "io/json.h"
#include "picture/sheet.h"
#include "picture/spectrum.h"

#define SHOWN 20 /* directions in the picture */
#define COLUMNS 5

void pb_basis_found_clear(pb_basis_found *found)
{
    pb_basis_clear(&found->basis);
    pb_svd_free(found->svd);
    pb_free(found->verified);
    *found = PB_BASIS_FOUND_EMPTY;
}

/* -- computing ------------------------------------------------------------------------------- */

/* The right singular vectors of a file, for a map from the tap `from`. */
static pb_status read_start(pb_tensor *start, const char *path, const pb_studio *s,
                            const pb_point *point, const char *from, pb_error *error)
{
    pb_basis basis = PB_BASIS_EMPTY;
    size_t shape[3], *found;

    PB_TRY(pb_model_tap_shape(s->model, from, point->x.shape[2], point->x.shape[3], shape, error));
    PB_TRY(pb_basis_read(&basis, path, error));
    *start = basis.v; /* handed over */
    basis.v = PB_TENSOR_EMPTY;
    pb_basis_clear(&basis);
    found = start->shape + 1;
    if (!start->data)
        return pb_fail(error, PB_INVALID, "%s: a mean of H: expected directions v", path);
    if (!memcmp(found, shape, sizeof shape))
        return PB_OK;
    return pb_fail(error, PB_INVALID, "%s: directions of %zu x %zu x %zu, expected %zu x %zu x %zu",
                   path, found[0], found[1], found[2], shape[0], shape[1], shape[2]);
}

pb_status pb_basis_find(pb_basis_found *found, const pb_studio *s, const pb_point *point,
                        const pb_basis_options *o, const char *start, int verify, const pb_run *run,
                        pb_error *error)
{
    pb_basis_options options = *o;
    pb_tensor first = PB_TENSOR_EMPTY;
    pb_status status = PB_OK;

    if (start) {
        status = read_start(&first, start, s, point, o->from ? o->from : "x", error);
        options.start = &first;
    }
    if (status == PB_OK && verify) {
        found->verified = pb_calloc(o->rank, sizeof *found->verified);
        if (!found->verified)
            status = pb_fail_memory(error, o->rank * sizeof(double), "residuals");
    }
    if (status == PB_OK)
        status = pb_session_basis(s->session, point, &options, &found->basis, &found->svd,
                                  found->verified, run, error);
    pb_tensor_clear(&first);
    return status;
}

/* -- directions of others ------------------------------------------------------------------------
 */

pb_status pb_read_directions(pb_tensor *u, const pb_studio *s, const char *path, const char *tap,
                             pb_error *error)
{
    pb_basis basis = PB_BASIS_EMPTY;
    pb_status status;

    if (pb_has_ending(path, ".npy")) {
        PB_TRY(pb_npy_read(u, path, error));
        pb_shape_batch(u);
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

int pb_basis_pixels(const pb_basis *b, const pb_studio *s, const size_t size[2], size_t pixels[2])
{
    const size_t *shape = b->samples ? b->v.shape + 2 : b->x.shape + 1;
    size_t factor, channels;

    if (strcmp(b->from, "x") || !(b->samples ? b->v.data : b->x.data) ||
        (shape[0] == size[0] && shape[1] == size[1]) ||
        pb_session_pixels(s->session, &factor, &channels, NULL) != PB_OK)
        return 0;
    pixels[0] = shape[0] * factor;
    pixels[1] = shape[1] * factor;
    return 1;
}

/* -- showing --------------------------------------------------------------------------------- */

/* A path with what follows its last dot replaced by text; g_free. */
static char *beside(const char *path, const char *text)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    int stem = dot ? (int)(dot - path) : (int)strlen(path);

    return g_strdup_printf("%.*s%s", stem, path, text);
}

char **pb_basis_picture_names(const char *path)
{
    static const char *const endings[] = {"-directions.png", "-spectrum.png", "-spectrum.csv",
                                          "-spectrum.gp"};
    size_t count = sizeof endings / sizeof *endings;
    char **names = g_new0(char *, count + 1);

    for (size_t i = 0; i < count; i++)
        names[i] = beside(path, endings[i]);
    return names;
}

static char *title(const pb_basis *basis)
{
    char *name = g_path_get_basename(basis->model);
    char *text = g_strdup_printf("%s, %s to %s at timestep %.4g", name, basis->from, basis->to,
                                 basis->timestep);

    g_free(name);
    return text;
}

pb_status pb_basis_draw(const pb_basis_found *found, const char *path, pb_error *error)
{
    const pb_tensor *v = &found->basis.v;
    size_t count = v->shape[0] < SHOWN ? v->shape[0] : SHOWN;
    size_t columns = count < COLUMNS ? count : COLUMNS, rows = (count + columns - 1) / columns;
    size_t size = v->shape[1] * v->shape[2] * v->shape[3];
    const float *tiles[SHOWN] = {0};
    const char *labels[SHOWN] = {0};
    char texts[SHOWN][48], *caption = title(&found->basis);
    pb_pixels pixels = PB_PIXELS_EMPTY;
    pb_status status;

    for (size_t i = 0; i < count; i++) {
        tiles[i] = v->data + i * size;
        snprintf(texts[i], sizeof texts[i], "v%zu   σ = %.4g", i, found->svd->sigma[i]);
        labels[i] = texts[i];
    }
    status = pb_sheet_draw(&(pb_sheet){.rows = rows,
                                       .columns = columns,
                                       .tiles = tiles,
                                       .c = v->shape[1],
                                       .h = v->shape[2],
                                       .w = v->shape[3],
                                       .style = PB_TILE_DIRECTION,
                                       .tile_labels = labels,
                                       .marked = SIZE_MAX,
                                       .caption = caption},
                           &pixels, error);
    if (status == PB_OK)
        status = pb_pixels_write(&pixels, path, NULL, error);
    pb_pixels_clear(&pixels);
    g_free(caption);
    return status;
}

pb_status pb_basis_plot(const pb_basis_found *found, const char *path, pb_error *error)
{
    const pb_svd *svd = found->svd;
    char *text = title(&found->basis), *stem = beside(path, "-spectrum");
    const pb_spectrum spectrum = {.count = svd->rank,
                                  .sigma = svd->sigma,
                                  .residual = svd->residual,
                                  .angle_bound = svd->angle_bound,
                                  .tolerance = found->basis.tolerance,
                                  .title = text};
    pb_status status = pb_spectrum_plot(&spectrum, stem, error);

    g_free(text);
    g_free(stem);
    return status;
}

json_t *pb_basis_json(const pb_basis_found *found)
{
    const pb_basis *basis = &found->basis;
    const pb_svd *svd = found->svd;
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:f, s:o, s:f, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:o, s:o, "
        "s:o}",
        "from", basis->from, "tap", basis->to, "method", basis->method, "timestep", basis->timestep,
        "t", isnan(basis->t) ? json_null() : json_real(basis->t), "tol", basis->tolerance, "rank",
        (int)svd->rank, "converged", (int)svd->converged, "applications", (int)svd->applications,
        "applications_fp32", (int)(svd->applications - svd->applications_fast), "block",
        (int)svd->block, "restarts", (int)svd->restarts, "seconds", svd->seconds,
        "seconds_operator", svd->seconds_operator, "probe", svd->probe, "sigma",
        pb_json_reals(svd->rank, svd->sigma), "residual", pb_json_reals(svd->rank, svd->residual),
        "angle_bound", pb_json_reals(svd->rank, svd->angle_bound));

    if (found->verified)
        json_object_set_new(object, "verified", pb_json_reals(svd->rank, found->verified));
    return object;
}
