/* Where a model lies, and which of its files are what. */
#ifndef PB_MODELS_LOCATE_H
#define PB_MODELS_LOCATE_H

#include <stddef.h>

#include "base/error.h"

#define PB_TOKENIZER_FILES 6
#define PB_PART_FILES (2 + PB_TOKENIZER_FILES)
#define PB_PART_WEIGHTS 2

/* The files of a model; absent ones are NULL. Strings are the caller's (pb_model_files_clear). */
typedef struct pb_model_files {
    char *folder;
    char *index;       /* model_index.json of a pipeline, or NULL */
    char *config;      /* the network's config.json */
    char *weights;     /* a .safetensors file, or the index of several */
    char *scheduler;   /* scheduler_config.json; NULL: DDPMScheduler's defaults */
    char *recommended; /* pullback.json, or NULL */
    char *vae, *tokenizer, *text_encoder; /* folders of a pipeline, or NULL */
    char *parts[PB_PART_FILES];           /* the files in them that results depend on */
    size_t part_count;
    char *part_weights[PB_PART_WEIGHTS]; /* and their weights, as `weights` */
    size_t part_weights_count;
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
