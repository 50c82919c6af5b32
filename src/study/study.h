/* The paper's experiments, each a plan of bases: samples at timesteps of models. A study computes
 * what its store lacks, measures the bases, and leaves a folder with data, figure and report.
 *
 *     settings → plan → store → executor → measures → report
 *
 * plan/ lists the items, store/ keeps them (a catalogue in files), executor/ makes them, measures/
 * reads numbers off them, report/ shows those. Each knows only what is to its left. */
#ifndef PB_STUDY_STUDY_H
#define PB_STUDY_STUDY_H

#include <jansson.h>

#include "study/executor/study_executor.h"
#include "study/settings/settings.h"
#include "study/store/store.h"

/* How a study is done: where its items are kept, and who makes them. */
typedef struct pb_study_way {
    pb_store_opener open; /* of the catalogue that the settings name */
    const pb_study_executor *executor;
} pb_study_way;

/* Runs a study to its report. way: NULL, a catalogue in files, and this process. run: its memory
 * and threads are those of every item; its monitor hears of the task "study", in items, while
 * *progress has all there is to tell, now and afterwards; it is warned of what is odd, and of items
 * that were damaged and are computed again. Errors: those of what it does, before anything is
 * written where models, images or settings are not right; PB_INVALID (another study's folder:
 * study/store/folder.h); PB_CANCELLED (what is done so far stays in the store). */
pb_status pb_study_run(const pb_study_options *options, const pb_study_way *way, const pb_run *run,
                       pb_study_progress *progress, pb_error *error);

/* The names of all files that a study leaves in its folder; NULL ends them. */
extern const char *const pb_study_outputs[];

/* How far the study in a folder is, or, where folder is NULL, all those of a catalogue. Errors:
 * PB_IO (there is none), the catalogue's. */
pb_status pb_study_visit(const char *folder, const char *catalogue, pb_study_visitor visit,
                         void *context, pb_error *error);

/* Seconds until all of it is done, by the mean of an item and whoever is at work; NaN before any is
 * done. */
double pb_study_seconds_left(const pb_study_status *status);

/* All of that, as an object. */
json_t *pb_study_status_json(const char *name, const pb_study_status *status);

#endif
