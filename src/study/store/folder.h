/* The folder that a study leaves: data.csv, figure.gp, figure.svg, figure.png, report.html,
 * settings.json and, where samples are drawn, samples.png. */
#ifndef PB_STUDY_STORE_FOLDER_H
#define PB_STUDY_STORE_FOLDER_H

#include "study/settings/settings.h"
#include "study/store/store.h"

/* The path of a file in it (pb_free); NULL where there is no memory. */
char *pb_in_folder(const pb_study_options *options, const char *name, pb_error *error);

/* May this study go there? Not where another has left a report or bases: one whose settings.json
 * has other values. Version, folder, catalogue and --boost, which change no number, may differ; and
 * with options->force everything. Makes nothing. Errors: PB_INVALID (naming a setting that
 * differs), those of the catalogue. */
pb_status pb_folder_check(const pb_study_options *options, pb_store_opener open, pb_error *error);

/* Is there a settings.json? */
int pb_folder_begun(const pb_study_options *options);

/* Makes it, with the folders above it. *made: it was not there. Errors: PB_IO. */
pb_status pb_folder_make(const pb_study_options *options, int *made, pb_error *error);

/* Writes settings.json. Errors: PB_IO. */
pb_status pb_folder_settings(const pb_study_options *options, pb_error *error);

/* The absolute path of a folder that need not be there yet; NULL: it can be nowhere. pb_free. */
char *pb_folder_resolve(const char *path);

#endif
