/* Faces in grey pixels: dlib's detector of histograms of oriented gradients (Dalal & Triggs, CVPR
 * 2005; King, arXiv 1502.00046), whose data is part of dlib. It finds faces that look ahead or half
 * aside, upright, from 80 pixels on. face.cpp; without dlib or a C++ compiler face_none.c stands in
 * for it, and finds none. */
#ifndef PB_PICTURE_FACE_H
#define PB_PICTURE_FACE_H

#include <stddef.h>

#include "base/error.h"

#define PB_FACES_MOST 64

/* A square from brow to chin, in pixels. */
typedef struct pb_face {
    double x, y; /* its centre */
    double size; /* its side */
} pb_face;

/* The detector and its version ("dlib 19.24.0"), or NULL: built without. */
const char *pb_face_detector(void);

/* Finds the faces of grey pixels (height rows of width), the surest first; at most PB_FACES_MOST.
 * The squares lie on the detector's grid of 8 pixels, of which a face has ten. Errors: PB_MEMORY,
 * PB_UNSUPPORTED (built without). */
pb_status pb_face_find(pb_face faces[PB_FACES_MOST], size_t *count, const unsigned char *grey,
                       size_t width, size_t height, pb_error *error);

#endif
