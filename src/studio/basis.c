#include "studio/basis.h"

#include <math.h>
#include <stdio.h>

#include "picture/sheet.h"
#include "picture/spectrum.h"

#define SHOWN 20 /* directions in the picture */
#define COLUMNS 5

static char *title(const pb_basis *basis)
{
    char *name = g_path_get_basename(basis->model);
    char *text = g_strdup_printf("%s, %s to %s at timestep %.4g", name, basis->from, basis->to,
                                 basis->timestep);

    g_free(name);
    return text;
}

pb_status pb_basis_draw(const pb_basis *basis, const double *sigma, const char *path,
                        pb_error *error)
{
    const pb_tensor *v = &basis->v;
    size_t count = v->shape[0] < SHOWN ? v->shape[0] : SHOWN;
    size_t columns = count < COLUMNS ? count : COLUMNS, rows = (count + columns - 1) / columns;
    size_t size = v->shape[1] * v->shape[2] * v->shape[3];
    const float *tiles[SHOWN] = {0};
    const char *labels[SHOWN] = {0};
    char texts[SHOWN][48], *caption = title(basis);
    pb_pixels pixels = PB_PIXELS_EMPTY;
    pb_status status;

    for (size_t i = 0; i < count; i++) {
        tiles[i] = v->data + i * size;
        snprintf(texts[i], sizeof texts[i], "v%zu   σ = %.4g", i, sigma[i]);
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

pb_status pb_basis_plot(const pb_basis *basis, const pb_svd *svd, const char *stem, pb_error *error)
{
    char *text = title(basis);
    const pb_spectrum spectrum = {.count = svd->rank,
                                  .sigma = svd->sigma,
                                  .residual = svd->residual,
                                  .angle_bound = svd->angle_bound,
                                  .tolerance = basis->tolerance,
                                  .title = text};
    pb_status status = pb_spectrum_plot(&spectrum, stem, error);

    g_free(text);
    return status;
}

static json_t *numbers(const double *values, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_real(values[i]));
    return array;
}

json_t *pb_basis_json(const pb_basis *basis, const pb_svd *svd, const double *verified)
{
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:f, s:o, s:f, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:o, s:o, "
        "s:o}",
        "from", basis->from, "tap", basis->to, "method", basis->method, "timestep", basis->timestep,
        "t", isnan(basis->t) ? json_null() : json_real(basis->t), "tol", basis->tolerance, "rank",
        (int)svd->rank, "converged", (int)svd->converged, "applications", (int)svd->applications,
        "applications_fp32", (int)(svd->applications - svd->applications_fast), "block",
        (int)svd->block, "restarts", (int)svd->restarts, "seconds", svd->seconds,
        "seconds_operator", svd->seconds_operator, "probe", svd->probe, "sigma",
        numbers(svd->sigma, svd->rank), "residual", numbers(svd->residual, svd->rank),
        "angle_bound", numbers(svd->angle_bound, svd->rank));

    if (verified)
        json_object_set_new(object, "verified", numbers(verified, svd->rank));
    return object;
}
