#include "study/plan/models.h"

#include <string.h>

#include <glib.h>

#include "base/legible.h"
#include "base/memory.h"
#include "io/file.h"
#include "models/lora/option.h"
#include "session/session.h"
#include "studio/loras.h"
#include "study/plan/prompts.h"

/* Are there the taps, and as many dimensions in both as the rank? */
static pb_status check_taps(const pb_study_options *o, const pb_study_model *m, pb_error *error)
{
    const char *const taps[] = {o->from, o->to};
    size_t shape[3], size;

    for (size_t i = 0; i < 2; i++) {
        PB_TRY(pb_model_tap_shape(m->studio.model, taps[i], m->height, m->width, shape, error));
        size = shape[0] * shape[1] * shape[2];
        if (o->rank > size)
            return pb_fail(error, PB_INVALID, "rank %zu: the tap \"%s\" of %s has %zu dimensions",
                           o->rank, taps[i], m->studio.name, size);
    }
    return PB_OK;
}

static int is_label(const pb_study_model *models, size_t count, const char *label)
{
    for (size_t m = 0; m < count; m++)
        if (!strcmp(models[m].label, label))
            return 1;
    return 0;
}

/* What the last of `count` models is called in figure and tables: where two folders have one name,
 * "NAME (2)". */
static pb_status find_label(pb_study_model *models, size_t count, pb_error *error)
{
    const char *path = models[count - 1].studio.info->path, *slash = strrchr(path, '/');
    char *name = pb_legible(slash && slash[1] ? slash + 1 : path);
    char *label = name ? pb_strdup(name) : NULL;

    for (size_t number = 2; label && is_label(models, count - 1, label); number++) {
        pb_free(label);
        label = pb_sprintf("%s (%zu)", name, number);
    }
    pb_free(name);
    models[count - 1].label = label;
    return label ? PB_OK : pb_fail_memory(error, strlen(path), "a label");
}

/* Not pb_schedule_hash: the keys of what lies in catalogues are made of this one (spec.c), and with
 * another all of it would be computed again. */
static pb_status digest_schedule(pb_study_model *m, pb_error *error)
{
    size_t T = pb_schedule_length(m->studio.schedule);
    double *alpha_bar = pb_malloc(T, sizeof *alpha_bar);

    if (!alpha_bar)
        return pb_fail_memory(error, T * sizeof *alpha_bar, "a schedule");
    for (size_t t = 0; t < T; t++)
        alpha_bar[t] = pb_alpha_bar(m->studio.schedule, t);
    pb_sha256(alpha_bar, T * sizeof *alpha_bar, m->digest);
    pb_free(alpha_bar);
    return PB_OK;
}

static pb_status find_grid(pb_study_model *m, const pb_study_options *o, pb_error *error)
{
    m->grid = pb_malloc(o->timesteps, sizeof *m->grid);
    if (!m->grid)
        return pb_fail_memory(error, o->timesteps * sizeof *m->grid, "a grid");
    for (size_t i = 0; i < o->timesteps; i++)
        m->grid[i] =
            pb_grid_nearest(pb_schedule_length(m->studio.schedule), o->steps, pb_study_t(o, i));
    return PB_OK;
}

static pb_status find_sizes(pb_study_model *m, const pb_study_options *o, pb_error *error)
{
    pb_prompts told = PB_PROMPTS_DEFAULTS;

    told.sizes = m->sizes = o->sizes;
    PB_TRY(pb_session_check_prompts(m->studio.session, &told, error));
    return pb_session_sizes(m->studio.session, &m->sizes, m->height, m->width, error);
}

/* As the options say, with LoRAs. */
static pb_status open_named(pb_model **model, const char *name, const pb_study_options *o,
                            pb_error *error)
{
    pb_lora *loras = pb_calloc(o->lora_count, sizeof *loras);
    const pb_model_options options = {.schedule = o->schedule,
                                      .vae = o->vae,
                                      .prediction_type = o->prediction_type,
                                      .config = o->config,
                                      .loras = loras,
                                      .lora_count = o->lora_count};
    pb_status status =
        loras ? PB_OK : pb_fail_memory(error, o->lora_count * sizeof *loras, "a list of LoRAs");

    for (size_t i = 0; status == PB_OK && i < o->lora_count; i++)
        status = pb_lora_option(&loras[i], o->loras[i], error);
    if (status == PB_OK)
        status = pb_model_open_with(model, name, &options, error);
    for (size_t i = 0; loras && i < o->lora_count; i++)
        pb_free((char *)loras[i].path);
    pb_free(loras);
    return status;
}

static void warn_unmatched(const pb_model *model, const pb_run *run)
{
    const pb_lora_info *info;

    for (size_t i = 0; run->warn && (info = pb_model_lora(model, i)) != NULL; i++) {
        char *text = pb_lora_unmatched(info);
        if (text)
            run->warn(run->context, text);
        g_free(text);
    }
}

static pb_status open_model(pb_study_model *models, size_t number, const pb_study_options *o,
                            const pb_run *run, pb_error *error)
{
    pb_study_model *m = &models[number];
    pb_model *model;

    PB_TRY(open_named(&model, o->models[number], o, error));
    warn_unmatched(model, run);
    PB_TRY(pb_studio_open(&m->studio, o->models[number], model, error));
    if (o->costs)
        PB_TRY(pb_model_set_costs(model, o->costs, error));
    PB_TRY(pb_check_utf8(m->studio.info->path, error));
    m->height = m->studio.info->sample_height;
    m->width = m->studio.info->sample_width;
    PB_TRY(digest_schedule(m, error));
    PB_TRY(find_label(models, number + 1, error));
    PB_TRY(find_grid(m, o, error));
    PB_TRY(check_taps(o, m, error));
    PB_TRY(pb_study_embed(o, m->studio.info, m->studio.session, run, error));
    PB_TRY(find_sizes(m, o, error));
    return pb_study_attributes(&m->attributes, o, m->studio.info, error);
}

pb_status pb_study_models_open(pb_study_model **models, const pb_study_options *o,
                               const pb_run *run, pb_error *error)
{
    *models = pb_calloc(o->model_count, sizeof **models);
    if (!*models)
        return pb_fail_memory(error, o->model_count * sizeof **models, "models");
    for (size_t m = 0; m < o->model_count; m++)
        PB_TRY(open_model(*models, m, o, run, error));
    return PB_OK;
}

void pb_study_models_close(pb_study_model *models, const pb_study_options *o)
{
    for (size_t m = 0; models && m < o->model_count; m++) {
        pb_studio_close(&models[m].studio);
        pb_free(models[m].attributes);
        pb_free(models[m].label);
        pb_free(models[m].grid);
    }
    pb_free(models);
}

pb_status pb_study_models_differ(const pb_study_model *models, const pb_study_options *o,
                                 pb_error *error)
{
    for (size_t m = 1; m < o->model_count; m++)
        for (size_t k = 0; k < m; k++)
            if (!strcmp(models[k].hash, models[m].hash))
                return pb_fail(error, PB_INVALID,
                               "%s and %s are the same model: nothing to compare", o->models[k],
                               o->models[m]);
    return PB_OK;
}
