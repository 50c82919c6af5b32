/* Power, singular values and effective rank of the bases of each timestep. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "study/measures/measure.h"
#include "study/measures/parts.h"

#define BANDS PB_POWER_BANDS

/* What is read off one basis: BANDS of power, the centroid, the effective rank, and `rank` singular
 * values. */
static pb_status read_off(const pb_basis *b, double *out, pb_error *error)
{
    const size_t *shape = b->v.shape;
    size_t k = shape[0], size = shape[1] * shape[2] * shape[3];

    for (size_t i = 0; i < k; i++)
        PB_TRY(pb_radial_power(shape[1], shape[2], shape[3], b->v.data + i * size, 1 / (double)k,
                               BANDS, out, error));
    for (size_t i = 0; i < BANDS; i++)
        out[BANDS] += out[i] * ((double)i + 0.5) / (2 * BANDS);
    for (size_t i = 0; i < k; i++)
        out[BANDS + 2 + i] = (double)b->s.data[i];
    out[BANDS + 1] = pb_effective_rank(k, out + BANDS + 2);
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
        pb_row row = {
            .model = p->models[model].label, .t = pb_plan_t(p, timestep), .t2 = NAN, .index = NAN};

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

pb_status pb_measure_spectra(pb_workshop *w, size_t model, pb_table *table, pb_error *error)
{
    const pb_study_plan *p = w->plan;
    size_t width = BANDS + 2 + p->options->rank;
    double *values = pb_values_new(p->samples * width, error);
    double *column = pb_values_new(p->samples, error);
    pb_status status = values && column ? PB_OK : PB_MEMORY;

    for (size_t t = 0; status == PB_OK && t < p->timesteps; t++) {
        memset(values, 0, p->samples * width * sizeof *values);
        for (size_t s = 0; status == PB_OK && s < p->samples; s++) {
            pb_basis basis = PB_BASIS_EMPTY;
            status = pb_workshop_basis(w, pb_plan_basis(p, model, s, 0, t), &basis, error);
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
