/* Distances of tangent spaces, between timesteps and between samples. */
#include <math.h>

#include "base/memory.h"
#include "base/shape.h"
#include "study/measures/measure.h"
#include "study/measures/parts.h"

pb_status pb_item_space(pb_workshop *w, const pb_item *item, pb_space *space, pb_error *error)
{
    pb_basis basis = PB_BASIS_EMPTY;
    const pb_tensor *vectors = w->plan->options->in_x ? &basis.v : &basis.u;
    pb_status status = pb_workshop_basis(w, item, &basis, error);

    if (status == PB_OK)
        status =
            pb_space_new(space, pb_item_size(vectors), vectors->shape[0], vectors->data, error);
    pb_basis_clear(&basis);
    return status;
}

pb_status pb_all_distances(const pb_workshop *w, size_t n, const pb_space *spaces, double *d,
                           pb_error *error)
{
    double largest = pb_distances_largest(spaces->k).geodesic;
    pb_distances *all = pb_malloc(n * n, sizeof *all);
    pb_status status = all ? pb_space_pairs(n, spaces, all, NULL, &w->inner, error)
                           : pb_fail_memory(error, n * n * sizeof *all, "distances");

    for (size_t i = 0; status == PB_OK && i < n * n; i++)
        d[i] = all[i].geodesic / largest;
    pb_free(all);
    return status;
}

/* Distances among the spaces of one sample over all timesteps, or of one timestep over all
 * samples. */
static pb_status distances_of(pb_workshop *w, size_t model, int over_time, size_t at, double *d,
                              pb_error *error)
{
    const pb_study_plan *p = w->plan;
    size_t n = over_time ? p->timesteps : p->samples;
    pb_space *spaces = pb_calloc(n, sizeof *spaces);
    pb_status status = spaces ? PB_OK : pb_fail_memory(error, n * sizeof *spaces, "tangent spaces");

    for (size_t i = 0; status == PB_OK && i < n; i++)
        status =
            pb_item_space(w, pb_plan_basis(p, model, over_time ? at : i, 0, over_time ? i : at),
                          &spaces[i], error);
    if (status == PB_OK)
        status = pb_all_distances(w, n, spaces, d, error);
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
                                (pb_row){label, "distance", pb_plan_t(p, a), pb_plan_t(p, b), NAN,
                                         pb_mean_of(p->samples, column, PB_SHARE)},
                                error));
        }
    for (size_t lag = 1; lag < P; lag++) {
        for (size_t s = 0; s < p->samples; s++) {
            column[s] = 0;
            for (size_t a = 0; a + lag < P; a++)
                column[s] += d[(s * P + a) * P + a + lag] / (double)(P - lag);
        }
        PB_TRY(pb_table_add(table,
                            (pb_row){label, "lag", NAN, NAN, (double)lag / (double)P,
                                     pb_mean_of(p->samples, column, PB_SHARE)},
                            error));
    }
    return PB_OK;
}

pb_status pb_measure_timesteps(pb_workshop *w, size_t model, pb_table *table, pb_error *error)
{
    const pb_study_plan *p = w->plan;
    size_t square = p->timesteps * p->timesteps;
    double *d = pb_values_new(p->samples * square, error),
           *column = pb_values_new(p->samples, error);
    pb_status status = d && column ? PB_OK : PB_MEMORY;

    for (size_t s = 0; status == PB_OK && s < p->samples; s++)
        status = distances_of(w, model, 1, s, d + s * square, error);
    if (status == PB_OK)
        status = add_matrix(p, model, d, column, table, error);
    pb_free(d);
    pb_free(column);
    return status;
}

pb_status pb_measure_samples(pb_workshop *w, size_t model, pb_table *table, pb_error *error)
{
    const pb_study_plan *p = w->plan;
    double *d = pb_values_new(p->samples * p->samples, error);
    pb_status status = d ? PB_OK : PB_MEMORY;

    for (size_t t = 0; status == PB_OK && t < p->timesteps; t++) {
        status = distances_of(w, model, 0, t, d, error);
        if (status == PB_OK)
            status = pb_table_add(table,
                                  (pb_row){p->models[model].label, "among", pb_plan_t(p, t), NAN,
                                           NAN, pb_mean_of_pairs(p->samples, d, PB_SHARE)},
                                  error);
    }
    pb_free(d);
    return status;
}
