/* Distances of the tangent spaces under prompts, against how alike the prompts are. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "study/measures/measure.h"
#include "study/measures/parts.h"

/* The distances between conditions at one timestep, means over samples: C x C; d: room for them. */
static pb_status prompt_distances(pb_workshop *w, size_t model, size_t timestep, double *mean,
                                  double *d, pb_error *error)
{
    const pb_study_plan *p = w->plan;
    size_t C = p->conditions;
    pb_space *spaces = pb_calloc(C, sizeof *spaces);
    pb_status status = spaces ? PB_OK : pb_fail_memory(error, C * sizeof *spaces, "tangent spaces");

    memset(mean, 0, C * C * sizeof *mean);
    for (size_t s = 0; status == PB_OK && s < p->samples; s++) {
        for (size_t c = 0; status == PB_OK && c < C; c++)
            status = pb_item_space(w, pb_plan_basis(p, model, s, c, timestep), &spaces[c], error);
        if (status == PB_OK)
            status = pb_all_distances(w, C, spaces, d, error);
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

pb_status pb_measure_prompts(pb_workshop *w, size_t model, pb_table *table, pb_error *error)
{
    const pb_study_plan *p = w->plan;
    const pb_study_model *m = &p->models[model];
    size_t C = p->conditions, n = C - 1;
    double *mean = pb_values_new(2 * C * C + 3 * n * n + n, error);
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
        status = pb_session_likeness(m->studio.session, pb_study_prompt(p->options, a),
                                     pb_study_prompt(p->options, b), &l.cosine[i], w->run, error);
        l.overlap[i] = pb_prompt_overlap(m->attributes, a, b);
    }
    for (size_t t = 0; status == PB_OK && t < p->timesteps; t++) {
        pb_row row = {.model = m->label, .t = pb_plan_t(p, t), .t2 = NAN, .index = NAN};
        status = prompt_distances(w, model, t, mean, mean + C * C, error);
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
