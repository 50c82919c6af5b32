/* The images of a study, as they are in their files. */
#ifndef PB_STUDY_EXECUTOR_IMAGE_H
#define PB_STUDY_EXECUTOR_IMAGE_H

#include "study/plan/models.h"

/* Reads an image at a model's size: a picture (1,c,H,W), or with options->latents an image as the
 * network sees it. *picture must be empty, and is to be cleared also on failure. Errors: PB_IO,
 * PB_FORMAT, PB_INVALID (another shape; a photo without a face, of a model of faces). */
pb_status pb_study_image(pb_tensor *picture, const pb_study_options *options,
                         const pb_study_model *model, size_t number, pb_error *error);

/* Is every image there, and one that the models take? Reads them all. Errors: theirs. */
pb_status pb_study_images_check(const pb_study_options *options, const pb_study_model *models,
                                pb_error *error);

#endif
