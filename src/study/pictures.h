/* The pictures of drawn samples, as one sees them: x_T, moved down to an image by steps that are
 * stochastic from options->boost on. Bases are not taken along these steps, but at the x_t of
 * deterministic ones from the same x_T (study/trajectory.h), whose own end may be malformed where a
 * model is small. */
#ifndef PB_STUDY_PICTURES_H
#define PB_STUDY_PICTURES_H

#include "study/plan.h"

#define PB_SAMPLES_NAME "samples.png"

/* Draws the picture of a sample as a PNG. Errors: DDIM's, the decoder's. */
pb_status pb_picture_make(pb_study_plan *plan, size_t model, size_t sample, const char *path,
                          const pb_run *run, pb_error *error);

/* Writes samples.png: the thumbnails of all drawn samples, each with its seed. Nothing where images
 * are given. Errors: PB_IO, PB_MEMORY. */
pb_status pb_pictures_sheet(const pb_study_plan *plan, pb_error *error);

#endif
