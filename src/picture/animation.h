/* Animations. */
#ifndef PB_PICTURE_ANIMATION_H
#define PB_PICTURE_ANIMATION_H

#include "picture/pixels.h"

/* An animated WebP, for ever, of frames of one size that each last so many milliseconds
 * (pb_bytes_clear). Errors: PB_INVALID (none, or of several sizes), PB_IO (built without WebP),
 * PB_MEMORY. */
pb_status pb_animation_encode(size_t count, const pb_pixels *const *frames, int milliseconds,
                              int quality, pb_bytes *bytes, pb_error *error);

#endif
