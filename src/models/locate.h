/* Where a model lies, and which of its files are what. */
#ifndef PB_MODELS_LOCATE_H
#define PB_MODELS_LOCATE_H

#include <pullback/model.h>

#include "io/config.h"
#include "models/part.h"

/* The files of a model; absent ones are NULL. Strings are the caller's (pb_model_files_clear). */
typedef struct pb_model_files {
    char *folder;      /* or the file, of a model that is one file */
    char *index;       /* model_index.json of a pipeline, or NULL */
    char *recommended; /* pullback.json, or NULL */
    pb_part parts[PB_ROLES];
    bool reads_none; /* "force_zeros_for_empty_prompt" is false */
    char *unused; /* what could have been chosen and was not: "unet/a.safetensors, …", or NULL */
    char *inferred; /* of files: lines "WHAT: VALUE (FROM WHAT)"; or NULL */
    double scaling; /* of a file's latents, also where it has no autoencoder; 0: not known */
} pb_model_files;

/* Finds the folder or the file of a model by name (see pb_model_open) and its parts.
 * Errors: PB_INVALID (an option for a model that it does not go with), PB_IO, PB_FORMAT,
 * PB_UNSUPPORTED (what it is instead, a component that is not read), PB_MEMORY. */
pb_status pb_model_locate(pb_model_files *files, const char *name, const pb_model_options *options,
                          pb_error *error);

void pb_model_files_clear(pb_model_files *files);

/* Of a pipeline's model_index.json: is there a component of that name ("unet"), and of which class
 * (the config's)? */
bool pb_pipeline_has(pb_config *index, const char *name, const char **class);

/* Are all of its components read? Errors: PB_FORMAT, PB_UNSUPPORTED (which is not). */
pb_status pb_pipeline_check(pb_config *index, pb_error *error);

#endif
