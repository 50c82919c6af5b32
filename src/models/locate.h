/* Where a model lies, and which of its files are what. */
#ifndef PB_MODELS_LOCATE_H
#define PB_MODELS_LOCATE_H

#include "models/components.h"

/* A component of a pipeline beside the network and its schedule. */
typedef struct pb_part {
    const pb_component *component;   /* what model_index.json says it is, also of the network */
    char *folder;                    /* or NULL: it is not there */
    char *files[PB_COMPONENT_FILES]; /* those in it that results depend on */
    size_t count;
    char *weights; /* likewise, as those of the network; or NULL */
} pb_part;

/* The files of a model; absent ones are NULL. Strings are the caller's (pb_model_files_clear). */
typedef struct pb_model_files {
    char *folder;
    char *index;       /* model_index.json of a pipeline, or NULL */
    char *config;      /* the network's config.json */
    char *weights;     /* a .safetensors file, or the index of several */
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

#endif
