#include "study/measures/measure.h"

#include <math.h>

#include "base/memory.h"
#include "study/measures/parts.h"

#define DRAWS 200

double *pb_values_new(size_t count, pb_error *error)
{
    double *values = pb_calloc(count, sizeof *values);

    if (!values)
        pb_fail_memory(error, count * sizeof *values, "measurements");
    return values;
}

/* The distance of random spaces of the same dimensions, and the model's held-out loss if known. */
static pb_status measure_baseline(const pb_study_plan *p, size_t model, pb_table *table,
                                  pb_error *error)
{
    const pb_study_model *m = &p->models[model];
    pb_row row = {.model = m->label, .t = NAN, .t2 = NAN, .index = NAN};
    pb_distances random;
    size_t shape[3], n;

    PB_TRY(pb_model_tap_shape(m->studio.model, p->options->in_x ? p->options->from : p->options->to,
                              m->height, m->width, shape, error));
    n = shape[0] * shape[1] * shape[2];
    PB_TRY(pb_distances_random(&random, n, p->options->rank, DRAWS, 0, NULL, error));
    row.quantity = "random";
    row.estimate = (pb_estimate){random.geodesic / pb_distances_largest(p->options->rank).geodesic,
                                 NAN, NAN, DRAWS};
    PB_TRY(pb_table_add(table, row, error));
    if (isnan(m->studio.info->recommended.heldout_loss))
        return PB_OK;
    row.quantity = "loss";
    row.estimate = (pb_estimate){m->studio.info->recommended.heldout_loss, NAN, NAN, 1};
    return pb_table_add(table, row, error);
}

pb_status pb_study_measure(pb_workshop *w, pb_table *table, pb_error *error)
{
    pb_study_kind kind = w->plan->options->kind;

    for (size_t m = 0; m < w->plan->options->model_count; m++) {
        if (kind == PB_STUDY_PROMPTS)
            PB_TRY(pb_measure_prompts(w, m, table, error));
        if (kind == PB_STUDY_TIMESTEPS)
            PB_TRY(pb_measure_spectra(w, m, table, error));
        if (kind == PB_STUDY_TIMESTEPS || kind == PB_STUDY_MODELS)
            PB_TRY(pb_measure_timesteps(w, m, table, error));
        if (kind == PB_STUDY_SAMPLES || kind == PB_STUDY_MODELS)
            PB_TRY(pb_measure_samples(w, m, table, error));
        PB_TRY(measure_baseline(w->plan, m, table, error));
    }
    return PB_OK;
}
