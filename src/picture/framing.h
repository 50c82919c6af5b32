/* Which part of a photo a model of faces sees: one in which the face lies as in the pictures that
 * the model was trained on. */
#ifndef PB_PICTURE_FRAMING_H
#define PB_PICTURE_FRAMING_H

#include "picture/face.h"
#include "picture/pixels.h"

/* A rectangle in pixels of an upright photo. */
typedef struct pb_area {
    long x, y;
    size_t width, height;
} pb_area;

#define PB_FRAMES_MOST 8

/* Finds the faces of a photo, and frames each for a picture of width x height. where: a face's
 * square in such a picture, in units of the shorter side of the picture and relative to the largest
 * centred square in it. areas: of the largest face first; they lie within the photo, so that of a
 * face at its border is moved. *count: how many, 0 where no face is found.
 * Faces are looked for from a twelfth of the photo's longer side on, and then, where there is none,
 * from a thirtieth; what looks like one at some sizes only is none, unless nothing else is there:
 * then the surest is taken. Errors: as pb_face_find. */
pb_status pb_frame_faces(pb_area areas[PB_FRAMES_MOST], size_t *count, const pb_pixels *photo,
                         const pb_face *where, size_t width, size_t height, pb_error *error);

#endif
