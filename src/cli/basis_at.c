#include "cli/basis_at.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "cli/progress.h"
#include "picture/sheet.h"
#include "picture/spectrum.h"

#define SHOWN 20 /* directions in the picture */
#define COLUMNS 5

pb_status pb_basis_check(const pb_cli *cli, const pb_basis_options *o, pb_error *error)
{
    PB_TRY(pb_check_range("--rank", o->rank, 1, 100000, error));
    if (!(o->tolerance > 0 && o->tolerance <= 1))
        return pb_fail(error, PB_INVALID, "--tol %g: expected more than 0, at most 1",
                       o->tolerance);
    PB_TRY(pb_check_range("--block", o->block, 0, 1024, error));
    PB_TRY(pb_check_range("--max-applications", o->max_applications, 0, 1e9, error));
    PB_TRY(pb_check_precision(cli, o->precision, error));
    if (o->precision && !strcmp(o->precision, "bf16") && o->method && strcmp(o->method, "krylov"))
        return pb_fail(error, PB_INVALID, "--precision bf16 goes with --method krylov");
    if (o->method && strcmp(o->method, "krylov") && strcmp(o->method, "subspace"))
        return pb_fail(error, PB_INVALID, "--method %s: expected krylov or subspace", o->method);
    return PB_OK;
}

void pb_basis_found_clear(pb_basis_found *found)
{
    pb_basis_clear(&found->basis);
    pb_svd_free(found->svd);
    pb_free(found->verified);
    *found = (pb_basis_found){0};
}

/* -- computing ------------------------------------------------------------------------------- */

static pb_status solve(pb_basis_found *found, const pb_session *s, const pb_linearisation *l,
                       const pb_basis_options *o, const pb_svd_options *svd, pb_error *error)
{
    const pb_operator *op = pb_linearisation_operator(l);

    if (svd->rank > op->rows || svd->rank > op->cols)
        return pb_fail(error, PB_INVALID, "--rank %zu: the map from %zu to %zu numbers has less",
                       svd->rank, op->cols, op->rows);
    if (o->precision && !strcmp(o->precision, "bf16"))
        PB_TRY(pb_svd_refined(&found->svd, pb_linearisation_operator_bf16(l), op, svd, error));
    else
        PB_TRY(pb_svd_compute(&found->svd, op, svd, error));
    if (o->verify) {
        found->verified = pb_calloc(found->svd->rank, sizeof *found->verified);
        if (!found->verified)
            return pb_fail_memory(error, found->svd->rank * sizeof(double), "residuals");
        PB_TRY(pb_svd_verify(found->svd, op, found->verified, error));
    }
    if (found->svd->converged < (size_t)o->rank)
        pb_warn(s->cli, "%zu of %d triplets converged to %g within %zu applications",
                found->svd->converged, o->rank, o->tolerance, found->svd->applications);
    return PB_OK;
}

/* The directions of --start as the operator takes them: *start is pb_free's. */
static pb_status read_start(float **start, size_t *count, const pb_linearisation *l,
                            const char *path, pb_error *error)
{
    pb_basis basis = PB_BASIS_EMPTY;
    size_t from[3], to[3];
    pb_status status;

    PB_TRY(pb_basis_read(&basis, path, error));
    pb_linearisation_shapes(l, from, to);
    if (memcmp(basis.v.shape + 1, from, sizeof from))
        status = pb_fail(
            error, PB_INVALID, "%s: directions of %zu x %zu x %zu, expected %zu x %zu x %zu", path,
            basis.v.shape[1], basis.v.shape[2], basis.v.shape[3], from[0], from[1], from[2]);
    else if (!(*start = pb_malloc(pb_tensor_count(&basis.v), sizeof **start)))
        status = pb_fail_memory(error, pb_tensor_count(&basis.v) * sizeof **start, path);
    else {
        *count = basis.v.shape[0];
        pb_to_hwc(*start, basis.v.data, *count, from[0], from[1], from[2]);
        status = PB_OK;
    }
    pb_basis_clear(&basis);
    return status;
}

pb_status pb_basis_at(pb_basis_found *found, const pb_session *s, const pb_point *point,
                      const pb_basis_options *o, pb_error *error)
{
    pb_progress_bar bar = pb_progress_begin(s->cli, "basis");
    const pb_map_options map = {
        .from = o->from ? o->from : "x",
        .to = o->to ? o->to : "mid",
        .condition = {.timestep = point->timestep, .class_label = s->class_label},
        .memory = s->cli->memory,
    };
    pb_svd_options svd = {
        .rank = (size_t)o->rank,
        .tolerance = o->tolerance,
        .method = o->method && !strcmp(o->method, "subspace") ? PB_SVD_SUBSPACE : PB_SVD_KRYLOV,
        .block = (size_t)o->block,
        .max_applications = (size_t)o->max_applications,
        .seed = (uint64_t)o->start_seed,
        .monitor = pb_progress_svd,
        .monitor_context = &bar,
    };
    char hash[65] = "";
    float *start = NULL;
    pb_linearisation *l;
    pb_status status = PB_OK;

    found->basis = PB_BASIS_EMPTY;
    PB_TRY(pb_linearise(&l, s->model, &map, point->x.data, s->height, s->width, error));
    if (o->start)
        status = read_start(&start, &svd.start_count, l, o->start, error);
    svd.start = start;
    if (status == PB_OK)
        status = solve(found, s, l, o, &svd, error);
    if (status == PB_OK)
        status = pb_basis_from_svd(&found->basis, found->svd, &map, &svd, l, &point->x, error);
    if (status == PB_OK)
        status = pb_model_hash(s->model, hash, error);
    if (status == PB_OK)
        status = pb_basis_set_model(&found->basis, s->info->path, hash, error);
    found->basis.t = point->t;
    pb_free(start);
    pb_linearisation_free(l);
    return status;
}

/* -- telling --------------------------------------------------------------------------------- */

static double largest(const double *values, size_t count)
{
    double most = 0;

    for (size_t i = 0; i < count; i++)
        most = fmax(most, values[i]);
    return most;
}

void pb_basis_say(const pb_cli *cli, const pb_basis_found *found)
{
    const pb_svd *svd = found->svd;
    double squares = 0, fourth = 0;

    for (size_t i = 0; i < svd->rank; i++) {
        squares += svd->sigma[i] * svd->sigma[i];
        fourth += pow(svd->sigma[i], 4);
    }
    pb_say(cli,
           "%s -> %s at timestep %g: %zu of %zu triplets converged, largest residual %.1e, "
           "singular values %.4g to %.4g",
           found->basis.from, found->basis.to, found->basis.timestep, svd->converged, svd->rank,
           largest(svd->residual, svd->rank), svd->sigma[0], svd->sigma[svd->rank - 1]);
    pb_say(cli,
           "%zu applications of the Jacobian in %.2f s (%s, block %zu); effective rank %.1f of "
           "these %zu",
           svd->applications, svd->seconds, found->basis.method, svd->block,
           fourth > 0 ? squares * squares / fourth : 0, svd->rank);
    if (found->verified)
        pb_say(cli, "verified by applying it: largest residual %.1e",
               largest(found->verified, svd->rank));
}

static json_t *numbers(const double *values, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_real(values[i]));
    return array;
}

json_t *pb_basis_json(const pb_basis_found *found, const pb_point *point)
{
    const pb_svd *svd = found->svd;
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:f, s:o, s:f, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:o, s:o, "
        "s:o}",
        "from", found->basis.from, "tap", found->basis.to, "method", found->basis.method,
        "timestep", found->basis.timestep, "t", isnan(point->t) ? json_null() : json_real(point->t),
        "tol", found->basis.tolerance, "rank", (int)svd->rank, "converged", (int)svd->converged,
        "applications", (int)svd->applications, "applications_fp32",
        (int)(svd->applications - svd->applications_fast), "block", (int)svd->block, "restarts",
        (int)svd->restarts, "seconds", svd->seconds, "seconds_operator", svd->seconds_operator,
        "probe", svd->probe, "sigma", numbers(svd->sigma, svd->rank), "residual",
        numbers(svd->residual, svd->rank), "angle_bound", numbers(svd->angle_bound, svd->rank));

    if (found->verified)
        json_object_set_new(object, "verified", numbers(found->verified, svd->rank));
    return object;
}

/* -- pictures -------------------------------------------------------------------------------- */

static char *title(const pb_basis_found *found)
{
    char *name = g_path_get_basename(found->basis.model);
    char *text = g_strdup_printf("%s, %s to %s at timestep %.4g", name, found->basis.from,
                                 found->basis.to, found->basis.timestep);

    g_free(name);
    return text;
}

static pb_status draw_directions(const pb_basis_found *found, const char *path, pb_error *error)
{
    const pb_tensor *v = &found->basis.v;
    size_t count = v->shape[0] < SHOWN ? v->shape[0] : SHOWN;
    size_t columns = count < COLUMNS ? count : COLUMNS, rows = (count + columns - 1) / columns;
    size_t size = v->shape[1] * v->shape[2] * v->shape[3];
    const float *tiles[SHOWN] = {0};
    const char *labels[SHOWN] = {0};
    char texts[SHOWN][48], *caption = title(found);
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

pb_status pb_basis_pictures(const pb_cli *cli, const pb_basis_found *found, const char *path,
                            pb_error *error)
{
    char *directions = pb_beside(path, "-directions.png"), *stem = pb_beside(path, "-spectrum");
    char *text = title(found);
    const pb_svd *svd = found->svd;
    const pb_spectrum spectrum = {.count = svd->rank,
                                  .sigma = svd->sigma,
                                  .residual = svd->residual,
                                  .angle_bound = svd->angle_bound,
                                  .tolerance = found->basis.tolerance,
                                  .title = text};
    pb_error plot = {0};
    pb_status status = draw_directions(found, directions, error);

    if (status == PB_OK) {
        pb_say(cli, "%s: the leading directions", directions);
        if (pb_spectrum_plot(&spectrum, stem, &plot) == PB_OK)
            pb_say(cli, "%s.png: the singular values", stem);
        else
            pb_warn(cli, "%s", plot.message);
    }
    g_free(directions);
    g_free(stem);
    g_free(text);
    return status;
}
