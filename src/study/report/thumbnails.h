/* The pictures of drawn samples, side by side. */
#ifndef PB_STUDY_REPORT_THUMBNAILS_H
#define PB_STUDY_REPORT_THUMBNAILS_H

#include "study/executor/workshop.h"

#define PB_SAMPLES_NAME "samples.png"

/* Writes samples.png: the thumbnails of all drawn samples, each with its seed. Nothing where images
 * are given. Errors: PB_IO, PB_MEMORY, those of the workshop. */
pb_status pb_thumbnails_write(pb_workshop *workshop, pb_error *error);

#endif
