/* A photo with an edit, made smaller to be looked at. */
#ifndef PB_EXPLORE_PREVIEW_H
#define PB_EXPLORE_PREVIEW_H

#include <pullback/session.h>

#include "picture/photo.h"

/* A photo made smaller, with its area, so that a part of width x height of it has at most `longest`
 * pixels on either side: *small, to be cleared in any case (its file is empty). Errors: PB_MEMORY.
 */
pb_status pb_preview_shrink(const pb_photo *photo, size_t longest, size_t width, size_t height,
                            pb_photo *small, pb_error *error);

/* The photo as pb_blend makes it of a picture of an edit (NULL: as it is). *pixels must be empty.
 * Errors: those of pb_blend, PB_MEMORY. */
pb_status pb_preview_paste(const pb_photo *photo, const pb_edit *edit, const float *picture,
                           pb_pixels *pixels, pb_error *error);

/* What of a photo's pixels lies in its area; beyond them white. *pixels must be empty. Errors:
 * PB_MEMORY. */
pb_status pb_preview_cut(const pb_photo *photo, const pb_pixels *all, pb_pixels *pixels,
                         pb_error *error);

#endif
