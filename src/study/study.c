#include "study/study.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "study/executor/image.h"
#include "study/measures/measure.h"
#include "study/report/report.h"
#include "study/report/thumbnails.h"
#include "study/store/catalogue.h"
#include "study/store/folder.h"
#include "study/store/hashes.h"

const char *const pb_study_outputs[] = {"data.csv",      "figure.svg", "figure.png",
                                        "report.html",   "figure.gp",  PB_SAMPLES_NAME,
                                        "settings.json", NULL};

/* A study at work. */
typedef struct study {
    const pb_study_options *o;
    const pb_study_way *way;
    const pb_run *run;
    char *catalogue;
    pb_store *store;
    pb_study_model *models;
    pb_study_plan plan;
} study;

/* Everything that is read: nothing has been made yet. */
static pb_status open_inputs(study *s, pb_error *error)
{
    const pb_study_options *o = s->o;

    PB_TRY(s->way->open(&s->store, s->catalogue, 0, error));
    PB_TRY(pb_study_models_open(&s->models, o, s->run, error));
    for (size_t m = 0; m < o->model_count; m++)
        PB_TRY(pb_store_find_hash(s->store, s->models[m].studio.model, s->models[m].hash, s->run,
                                  error));
    PB_TRY(pb_study_models_differ(s->models, o, error));
    PB_TRY(pb_plan_make(&s->plan, o, s->models, error));
    return pb_folder_begun(o) ? PB_OK : pb_study_images_check(o, s->models, error);
}

/* The folder, and in it, or elsewhere, the store. */
static pb_status open_outputs(study *s, pb_error *error)
{
    const pb_study_options *o = s->o;
    pb_status status = PB_OK;
    int made;

    PB_TRY(pb_folder_make(o, &made, error));
    if (!s->store)
        status = s->way->open(&s->store, s->catalogue, 1, error);
    if (status != PB_OK && made)
        rmdir(o->folder); /* if it is empty */
    for (size_t m = 0; status == PB_OK && m < o->model_count; m++)
        status = pb_store_keep_hash(s->store, s->models[m].studio.model, s->models[m].hash, error);
    return status == PB_OK ? pb_folder_settings(o, error) : status;
}

/* What the study needs, for whoever asks the store how far it is. */
static pb_status announce(study *s, pb_error *error)
{
    size_t count = s->plan.count;
    pb_key *keys = pb_malloc(count, sizeof *keys);
    pb_status status;

    if (!keys)
        return pb_fail_memory(error, count * sizeof *keys, "a plan");
    for (size_t i = 0; i < count; i++)
        keys[i] = s->plan.items[i].key;
    status = pb_store_plan(s->store, s->o->folder, count, keys, error);
    pb_free(keys);
    return status;
}

static pb_status work(study *s, pb_study_progress *progress, pb_error *error)
{
    pb_table table = PB_TABLE_EMPTY;
    pb_workshop workshop;
    pb_status status;

    pb_workshop_open(&workshop, &s->plan, s->store, s->run, progress);
    status = s->way->executor->run(&workshop, error);
    if (status == PB_OK && (!s->way->executor->reports || s->way->executor->reports())) {
        status = pb_study_measure(&workshop, &table, error);
        if (status == PB_OK)
            status = pb_report_write(&workshop, &table, error);
    }
    pb_table_clear(&table);
    pb_workshop_close(&workshop);
    return status;
}

pb_status pb_study_run(const pb_study_options *o, const pb_study_way *way, const pb_run *run,
                       pb_study_progress *progress, pb_error *error)
{
    const pb_study_way usual = {pb_catalogue_open, &pb_study_executor_here};
    const pb_run silent = PB_RUN_DEFAULTS;
    study s = {.o = o, .way = way ? way : &usual, .run = run ? run : &silent};
    pb_status status;

    *progress = (pb_study_progress){0};
    PB_TRY(pb_study_check(o, error));
    PB_TRY(pb_study_check_prompts(o, error));
    PB_TRY(pb_study_check_names(o, error));
    PB_TRY(pb_folder_check(o, s.way->open, error));
    s.catalogue = pb_study_catalogue(o);
    status = s.catalogue ? open_inputs(&s, error) : pb_fail_memory(error, 1, "a path");
    if (status == PB_OK)
        status = open_outputs(&s, error);
    if (status == PB_OK)
        status = announce(&s, error);
    if (status == PB_OK)
        status = work(&s, progress, error);
    pb_plan_clear(&s.plan);
    pb_study_models_close(s.models, o);
    pb_store_close(s.store);
    pb_free(s.catalogue);
    return status;
}

/* -- how far it is --------------------------------------------------------------------------------
 */

static pb_status visit_catalogue(const char *path, const char *name, pb_study_visitor visit,
                                 void *context, pb_error *error)
{
    pb_store *store;
    pb_status status;

    PB_TRY(pb_catalogue_open(&store, path, 0, error));
    if (!store)
        return pb_fail(error, PB_IO, "%s: no catalogue there", path);
    status = pb_store_visit(store, name, visit, context, error);
    pb_store_close(store);
    return status;
}

/* The catalogue of the study in a folder, and the folder as the catalogue knows it, are in its
 * settings. */
static pb_status visit_folder(const pb_study_options *here, pb_study_visitor visit, void *context,
                              pb_error *error)
{
    pb_study_options o = PB_STUDY_DEFAULTS;
    char *settings, *catalogue = NULL;
    pb_status status;

    if (!pb_folder_begun(here))
        return pb_fail(error, PB_IO, "%s: no study has been begun there: there is no settings.json",
                       here->folder);
    settings = pb_in_folder(here, "settings.json", error);
    status = settings ? pb_study_settings_read(&o, settings, error) : PB_MEMORY;
    if (status == PB_OK) {
        catalogue = pb_study_catalogue(&o);
        status = catalogue ? visit_catalogue(catalogue, o.folder, visit, context, error)
                           : pb_fail_memory(error, 1, "a path");
    }
    pb_free(catalogue);
    pb_free(settings);
    pb_study_options_clear(&o);
    return status;
}

pb_status pb_study_visit(const char *folder, const char *catalogue, pb_study_visitor visit,
                         void *context, pb_error *error)
{
    return folder
               ? visit_folder(&(pb_study_options){.folder = (char *)folder}, visit, context, error)
               : visit_catalogue(catalogue, NULL, visit, context, error);
}

double pb_study_seconds_left(const pb_study_status *s)
{
    size_t left = s->wanted - s->done, workers = s->running ? s->running : 1;

    return left ? s->seconds * (double)left / (double)workers : 0;
}

json_t *pb_study_status_json(const char *name, const pb_study_status *s)
{
    double seconds = pb_study_seconds_left(s);
    json_t *object =
        json_pack("{s:s, s:I, s:I, s:I, s:I}", "study", name, "items", (json_int_t)s->wanted,
                  "done", (json_int_t)s->done, "running", (json_int_t)s->running, "left",
                  (json_int_t)(s->wanted - s->done - s->running));

    if (!isnan(seconds))
        json_object_set_new(object, "seconds_left", json_real(seconds));
    return object;
}
