/* Where a model lies, and which of its files are what. */
#ifndef PB_MODELS_LOCATE_H
#define PB_MODELS_LOCATE_H

#include <stddef.h>

#include "base/error.h"

#define PB_TOKENIZER_FILES 6
#define PB_PART_FILES (4 + PB_TOKENIZER_FILES)

/* What weights are called: by diffusers, and by transformers. */
#define PB_DIFFUSERS_WEIGHTS "diffusion_pytorch_model"
#define PB_TRANSFORMERS_WEIGHTS "model"

/* The files of a model; absent ones are NULL. Strings are the caller's (pb_model_files_clear). */
typedef struct pb_model_files {
    char *folder;
    char *config;                         /* the network's config.json */
    char *weights;                        /* a .safetensors file, or the index of several */
    char *scheduler;                      /* scheduler_config.json */
    char *recommended;                    /* pullback.json, or NULL */
    char *vae, *tokenizer, *text_encoder; /* folders of a pipeline, or NULL */
    char *parts[PB_PART_FILES];           /* the files in them that results depend on */
    size_t part_count;
} pb_model_files;

/* Finds the folder of a model by name (see pb_model_open) and the files in it.
 * Errors: PB_IO, PB_FORMAT, PB_UNSUPPORTED (what it is instead), PB_MEMORY. */
pb_status pb_model_locate(pb_model_files *files, const char *name, pb_error *error);

/* The weights in a folder, of whichever variant: *path, pb_free's.
 * Errors: PB_IO, PB_UNSUPPORTED, PB_MEMORY. */
pb_status pb_weights_locate(char **path, const char *folder, const char *stem, pb_error *error);

void pb_model_files_clear(pb_model_files *files);

#endif
