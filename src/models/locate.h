/* Where a model lies, and which of its files are what. */
#ifndef PB_MODELS_LOCATE_H
#define PB_MODELS_LOCATE_H

#include "io/config.h"
#include "models/part.h"

/* The files of a model; absent ones are NULL. Strings are the caller's (pb_model_files_clear). */
typedef struct pb_model_files {
    char *folder;
    char *index;       /* model_index.json of a pipeline, or NULL */
    char *scheduler;   /* scheduler_config.json; NULL: DDPMScheduler's defaults */
    char *recommended; /* pullback.json, or NULL */
    pb_part parts[PB_ROLES];
    char *unused; /* what could have been chosen and was not: "unet/a.safetensors, …", or NULL */
} pb_model_files;

/* Finds the folder of a model by name (see pb_model_open) and the files in it. schedule: as in
 * pb_model_options, or NULL.
 * Errors: PB_INVALID (a schedule for a model that has one), PB_IO, PB_FORMAT, PB_UNSUPPORTED (what
 * it is instead, a component that is not read), PB_MEMORY. */
pb_status pb_model_locate(pb_model_files *files, const char *name, const char *schedule,
                          pb_error *error);

void pb_model_files_clear(pb_model_files *files);

/* Of a pipeline's model_index.json: is there a component of that name ("unet"), and of which class
 * (the config's)? */
bool pb_pipeline_has(pb_config *index, const char *name, const char **class);

/* Are all of its components read? Errors: PB_FORMAT, PB_UNSUPPORTED (which is not). */
pb_status pb_pipeline_check(pb_config *index, pb_error *error);

#endif
