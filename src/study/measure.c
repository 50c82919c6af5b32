#include "study/measure.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/shape.h"

#define BANDS PB_POWER_BANDS
#define DRAWS 200

static const double nothing = NAN;

/* Values of all samples: what a mean is taken of. */
static double *values_new(size_t count, pb_error *error)
{
    double *values = pb_calloc(count, sizeof *values);

    if (!values)
        pb_fail_memory(error, count * sizeof *values, "measurements");
    return values;
}

/* -- spectra ------------------------------------------------------------------------------------
 */

/* What is read off one basis: BANDS of power, the centroid, the effective rank, and `rank` singular
 * values. */
static pb_status read_off(const pb_basis *b, double *out, pb_error *error)
{
    const size_t *shape = b->v.shape;
    size_t k = shape[0], size = shape[1] * shape[2] * shape[3];
    double square = 0, fourth = 0;

    for (size_t i = 0; i < k; i++)
        PB_TRY(pb_radial_power(shape[1], shape[2], shape[3], b->v.data + i * size, 1 / (double)k,
                               BANDS, out, error));
    for (size_t i = 0; i < BANDS; i++)
        out[BANDS] += out[i] * ((double)i + 0.5) / (2 * BANDS);
    for (size_t i = 0; i < k; i++) {
        double s = (double)b->s.data[i];
        square += s * s;
        fourth += s * s * s * s;
        out[BANDS + 2 + i] = s;
    }
    out[BANDS + 1] = fourth > 0 ? square * square / fourth : 0;
    return PB_OK;
}

/* What each of them can be. A mean frequency lies between the first band's and the last one's, an
 * effective rank between 1 and the rank. */
static pb_bounds bounds_of(size_t i, size_t rank)
{
    if (i < BANDS)
        return PB_SHARE;
    if (i == BANDS)
        return (pb_bounds){0.5 / (2 * BANDS), 0.5 - 0.5 / (2 * BANDS)};
    return i == BANDS + 1 ? (pb_bounds){1, (double)rank} : (pb_bounds){0, INFINITY};
}

/* The rows of one timestep from the values of all samples, `width` each. */
static pb_status add_spectra(const pb_study_plan *p, size_t model, size_t timestep, size_t width,
                             const double *values, double *column, pb_table *table, pb_error *error)
{
    for (size_t i = 0; i < width; i++) {
        pb_row row = {.model = p->models[model].label,
                      .t = pb_plan_t(p, timestep),
                      .t2 = nothing,
                      .index = nothing};

        for (size_t s = 0; s < p->samples; s++)
            column[s] = values[s * width + i];
        row.estimate = pb_mean_of(p->samples, column, bounds_of(i, p->options->rank));
        if (i < BANDS) {
            row.quantity = "power";
            row.index = ((double)i + 0.5) / (2 * BANDS);
        } else if (i < BANDS + 2)
            row.quantity = i == BANDS ? "centroid" : "effective_rank";
        else {
            row.quantity = "sigma";
            row.index = (double)(i - BANDS - 2);
        }
        PB_TRY(pb_table_add(table, row, error));
    }
    return PB_OK;
}

pb_status pb_measure_spectra(const pb_study_plan *p, size_t model, pb_table *table, pb_error *error)
{
    size_t width = BANDS + 2 + p->options->rank;
    double *values = values_new(p->samples * width, error);
    double *column = values_new(p->samples, error);
    pb_status status = values && column ? PB_OK : PB_MEMORY;

    for (size_t t = 0; status == PB_OK && t < p->timesteps; t++) {
        memset(values, 0, p->samples * width * sizeof *values);
        for (size_t s = 0; status == PB_OK && s < p->samples; s++) {
            pb_basis basis = PB_BASIS_EMPTY;
            status = pb_plan_read(p, model, s, t, &basis, error);
            if (status == PB_OK)
                status = read_off(&basis, values + s * width, error);
            pb_basis_clear(&basis);
        }
        if (status == PB_OK)
            status = add_spectra(p, model, t, width, values, column, table, error);
    }
    pb_free(values);
    pb_free(column);
    return status;
}

/* -- distances ------------------------------------------------------------------------------------
 */

static pb_status open_space(const pb_study_plan *p, size_t model, size_t row, size_t timestep,
                            pb_space *space, pb_error *error)
{
    pb_basis basis = PB_BASIS_EMPTY;
    const pb_tensor *vectors = p->options->in_x ? &basis.v : &basis.u;
    pb_status status = pb_plan_read(p, model, row, timestep, &basis, error);

    if (status == PB_OK)
        status =
            pb_space_new(space, pb_item_size(vectors), vectors->shape[0], vectors->data, error);
    pb_basis_clear(&basis);
    return status;
}

/* Those of space i to the ones behind it, into row and column i of d. */
static pb_status distances_from(size_t i, size_t n, const pb_space *spaces, double *d,
                                pb_error *error)
{
    size_t k = spaces->k;
    double *angles = pb_malloc(k, sizeof *angles), largest = pb_distances_largest(k).geodesic;
    pb_status status = angles ? PB_OK : pb_fail_memory(error, k * sizeof *angles, "angles");

    d[i * n + i] = 0;
    for (size_t j = i + 1; status == PB_OK && j < n; j++) {
        status = pb_space_angles(&spaces[i], &spaces[j], angles, error);
        if (status == PB_OK)
            d[i * n + j] = d[j * n + i] = pb_distances_of(k, angles).geodesic / largest;
    }
    pb_free(angles);
    return status;
}

/* The normalised geodesic distances of n spaces: n x n. Each thread takes a space's pairs: the
 * matrices of one pair are so small that threads within it mostly wait for each other. */
static pb_status all_distances(size_t n, const pb_space *spaces, double *d, pb_error *error)
{
    pb_status status = PB_OK;

#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < n; i++) {
        pb_error wrong;
        pb_status found = distances_from(i, n, spaces, d, &wrong);

        if (found != PB_OK) {
#pragma omp critical
            {
                status = found;
                if (error)
                    *error = wrong;
            }
        }
    }
    return status;
}

/* Distances among the spaces of one sample over all timesteps, or of one timestep over all
 * samples. */
static pb_status distances_of(const pb_study_plan *p, size_t model, int over_time, size_t at,
                              double *d, pb_error *error)
{
    size_t n = over_time ? p->timesteps : p->samples;
    pb_space *spaces = pb_calloc(n, sizeof *spaces);
    pb_status status = spaces ? PB_OK : pb_fail_memory(error, n * sizeof *spaces, "tangent spaces");

    for (size_t i = 0; status == PB_OK && i < n; i++)
        status = open_space(p, model, over_time ? at : i, over_time ? i : at, &spaces[i], error);
    if (status == PB_OK)
        status = all_distances(n, spaces, d, error);
    for (size_t i = 0; spaces && i < n; i++)
        pb_space_clear(&spaces[i]);
    pb_free(spaces);
    return status;
}

/* Rows of the matrix, and of its mean over each difference of timesteps. d: samples x P x P. */
static pb_status add_matrix(const pb_study_plan *p, size_t model, const double *d, double *column,
                            pb_table *table, pb_error *error)
{
    size_t P = p->timesteps;
    const char *label = p->models[model].label;

    for (size_t a = 0; a < P; a++)
        for (size_t b = 0; b < P; b++) {
            for (size_t s = 0; s < p->samples; s++)
                column[s] = d[(s * P + a) * P + b];
            PB_TRY(pb_table_add(table,
                                (pb_row){label, "distance", pb_plan_t(p, a), pb_plan_t(p, b),
                                         nothing, pb_mean_of(p->samples, column, PB_SHARE)},
                                error));
        }
    for (size_t lag = 1; lag < P; lag++) {
        for (size_t s = 0; s < p->samples; s++) {
            column[s] = 0;
            for (size_t a = 0; a + lag < P; a++)
                column[s] += d[(s * P + a) * P + a + lag] / (double)(P - lag);
        }
        PB_TRY(pb_table_add(table,
                            (pb_row){label, "lag", nothing, nothing, (double)lag / (double)P,
                                     pb_mean_of(p->samples, column, PB_SHARE)},
                            error));
    }
    return PB_OK;
}

pb_status pb_measure_timesteps(const pb_study_plan *p, size_t model, pb_table *table,
                               pb_error *error)
{
    size_t square = p->timesteps * p->timesteps;
    double *d = values_new(p->samples * square, error), *column = values_new(p->samples, error);
    pb_status status = d && column ? PB_OK : PB_MEMORY;

    for (size_t s = 0; status == PB_OK && s < p->samples; s++)
        status = distances_of(p, model, 1, s, d + s * square, error);
    if (status == PB_OK)
        status = add_matrix(p, model, d, column, table, error);
    pb_free(d);
    pb_free(column);
    return status;
}

pb_status pb_measure_samples(const pb_study_plan *p, size_t model, pb_table *table, pb_error *error)
{
    double *d = values_new(p->samples * p->samples, error);
    pb_status status = d ? PB_OK : PB_MEMORY;

    for (size_t t = 0; status == PB_OK && t < p->timesteps; t++) {
        status = distances_of(p, model, 0, t, d, error);
        if (status == PB_OK)
            status =
                pb_table_add(table,
                             (pb_row){p->models[model].label, "among", pb_plan_t(p, t), nothing,
                                      nothing, pb_mean_of_pairs(p->samples, d, PB_SHARE)},
                             error);
    }
    pb_free(d);
    return status;
}

/* -- prompts --------------------------------------------------------------------------------------
 */

/* The distances between conditions at one timestep, means over samples: C x C; d: room for them. */
static pb_status prompt_distances(const pb_study_plan *p, size_t model, size_t timestep,
                                  double *mean, double *d, pb_error *error)
{
    size_t C = p->conditions;
    pb_space *spaces = pb_calloc(C, sizeof *spaces);
    pb_status status = spaces ? PB_OK : pb_fail_memory(error, C * sizeof *spaces, "tangent spaces");

    memset(mean, 0, C * C * sizeof *mean);
    for (size_t s = 0; status == PB_OK && s < p->samples; s++) {
        for (size_t c = 0; status == PB_OK && c < C; c++)
            status = open_space(p, model, s * C + c, timestep, &spaces[c], error);
        if (status == PB_OK)
            status = all_distances(C, spaces, d, error);
        for (size_t i = 0; status == PB_OK && i < C * C; i++)
            mean[i] += d[i] / (double)p->samples;
        for (size_t c = 0; spaces && c < C; c++)
            pb_space_clear(&spaces[c]);
    }
    pb_free(spaces);
    return status;
}

/* The part of a C x C matrix without the first condition; and how alike prompts are. */
typedef struct likeness {
    size_t n;
    double *distance, *cosine, *overlap; /* n x n */
    double *prompted;                    /* n */
} likeness;

static pb_status add_pairs(const likeness *l, pb_row row, pb_table *table, pb_error *error)
{
    for (size_t i = 0; i < l->n; i++)
        for (size_t j = i + 1; j < l->n; j++) {
            row.estimate = (pb_estimate){l->distance[i * l->n + j], NAN, NAN, 1};
            row.quantity = "pair";
            row.index = l->cosine[i * l->n + j];
            PB_TRY(pb_table_add(table, row, error));
            row.quantity = "pair_overlap";
            row.index = l->overlap[i * l->n + j];
            if (!isnan(row.index))
                PB_TRY(pb_table_add(table, row, error));
        }
    return PB_OK;
}

static pb_status add_prompts(const likeness *l, pb_row row, pb_table *table, pb_error *error)
{
    row.quantity = "prompted";
    row.estimate = pb_mean_of(l->n, l->prompted, PB_SHARE);
    PB_TRY(pb_table_add(table, row, error));
    row.quantity = "among_prompts";
    row.estimate = pb_mean_of_pairs(l->n, l->distance, PB_SHARE);
    PB_TRY(pb_table_add(table, row, error));
    row.quantity = "correlation";
    PB_TRY(pb_rank_correlation(&row.estimate, l->n, l->cosine, l->distance, error));
    PB_TRY(pb_table_add(table, row, error));
    row.quantity = "correlation_overlap";
    PB_TRY(pb_rank_correlation(&row.estimate, l->n, l->overlap, l->distance, error));
    if (!isnan(row.estimate.value))
        PB_TRY(pb_table_add(table, row, error));
    return add_pairs(l, row, table, error);
}

pb_status pb_measure_prompts(const pb_study_plan *p, size_t model, pb_table *table, pb_error *error)
{
    const pb_planned_model *m = &p->models[model];
    size_t C = p->conditions, n = C - 1;
    double *mean = values_new(2 * C * C + 3 * n * n + n, error);
    likeness l = {.n = n};
    pb_status status = mean ? PB_OK : PB_MEMORY;

    if (mean) {
        l.distance = mean + 2 * C * C;
        l.cosine = l.distance + n * n;
        l.overlap = l.cosine + n * n;
        l.prompted = l.overlap + n * n;
    }
    for (size_t i = 0; status == PB_OK && i < n * n; i++) {
        size_t a = 1 + i / n, b = 1 + i % n;
        status = pb_session_likeness(m->session, pb_study_prompt(p->options, a),
                                     pb_study_prompt(p->options, b), &l.cosine[i], &p->run, error);
        l.overlap[i] = pb_prompt_overlap(m->attributes, a, b);
    }
    for (size_t t = 0; status == PB_OK && t < p->timesteps; t++) {
        pb_row row = {.model = m->label, .t = pb_plan_t(p, t), .t2 = nothing, .index = nothing};
        status = prompt_distances(p, model, t, mean, mean + C * C, error);
        for (size_t i = 0; i < n; i++) {
            l.prompted[i] = mean[i + 1];
            memcpy(l.distance + i * n, mean + (i + 1) * C + 1, n * sizeof *mean);
        }
        if (status == PB_OK)
            status = add_prompts(&l, row, table, error);
    }
    pb_free(mean);
    return status;
}

pb_status pb_measure_baseline(const pb_study_plan *p, size_t model, pb_table *table,
                              pb_error *error)
{
    const pb_planned_model *m = &p->models[model];
    pb_row row = {.model = m->label, .t = nothing, .t2 = nothing, .index = nothing};
    pb_distances random;
    size_t shape[3], n;

    PB_TRY(pb_model_tap_shape(m->model, p->options->in_x ? p->options->from : p->options->to,
                              m->height, m->width, shape, error));
    n = shape[0] * shape[1] * shape[2];
    PB_TRY(pb_distances_random(&random, n, p->options->rank, DRAWS, 0, error));
    row.quantity = "random";
    row.estimate = (pb_estimate){random.geodesic / pb_distances_largest(p->options->rank).geodesic,
                                 NAN, NAN, DRAWS};
    PB_TRY(pb_table_add(table, row, error));
    if (isnan(m->info->recommended.heldout_loss))
        return PB_OK;
    row.quantity = "loss";
    row.estimate = (pb_estimate){m->info->recommended.heldout_loss, NAN, NAN, 1};
    return pb_table_add(table, row, error);
}
