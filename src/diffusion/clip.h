/* Clipping the image that a step predicts. */
#ifndef PB_DIFFUSION_CLIP_H
#define PB_DIFFUSION_CLIP_H

#include <pullback/diffusion.h>

#include "base/error.h"

/* Errors: PB_INVALID (numbers outside their ranges). */
pb_status pb_clip_check(const pb_clip *clip, pb_error *error);

/* Clips one image x0 of `size` entries in place; room: as many for its own use. Entries that are no
 * numbers stay so. */
void pb_clip_image(const pb_clip *clip, size_t size, double *x0, double *room);

#endif
