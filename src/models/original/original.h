/* Models that are one file in the original layout: that of CompVis' and Stability's training code,
 * in which most people exchange Stable Diffusion, or those of networks before it that see pixels
 * (pixel.h). Its tensors are the parts' under other names; what their configs would say is inferred
 * (parts.h). */
#ifndef PB_MODELS_ORIGINAL_ORIGINAL_H
#define PB_MODELS_ORIGINAL_ORIGINAL_H

#include "models/locate.h"

/* Reads the file that files->folder names: its parts, the scheduler's config and where the
 * tokenizer lies (its files are the caller's to list). Of the file only what says what is in it is
 * read. Errors: PB_INVALID (two readings that fit, and no option that decides), PB_IO, PB_FORMAT,
 * PB_UNSUPPORTED, PB_MEMORY. */
pb_status pb_original_locate(pb_model_files *files, const pb_model_options *options,
                             pb_error *error);

/* The autoencoder in a file, whole model or not, in the place of the model's own, if it has one. Where
 * it says no scaling itself, it has the model's. What was inferred of it is added. */
pb_status pb_original_locate_vae(pb_model_files *files, const char *path, pb_error *error);

/* Another autoencoder takes the place of the file's own: what was inferred of that is forgotten. */
void pb_original_forget_vae(pb_model_files *files);

#endif
