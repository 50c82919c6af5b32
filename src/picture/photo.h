/* Photographs: read in any format, upright and in sRGB, and the part of one that a network sees. */
#ifndef PB_PICTURE_PHOTO_H
#define PB_PICTURE_PHOTO_H

#include <pullback/model.h>
#include <pullback/tensor.h>

#include "io/file.h"
#include "picture/framing.h"
#include "picture/open.h"
#include "picture/srgb.h"

/* How all of a photo meets a network's proportions. */
typedef enum pb_fit {
    PB_FIT_CROP,   /* the largest centred rectangle of the network's proportions */
    PB_FIT_PAD,    /* all of the photo, with white added on two sides */
    PB_FIT_STRETCH /* all of the photo, out of proportion */
} pb_fit;

/* "crop", "pad", "stretch"; and the fit of such a name: 0, or -1, there is none. */
const char *pb_fit_name(pb_fit fit);
int pb_fit_of(pb_fit *fit, const char *name);

/* The area that a text "X,Y,WIDTH,HEIGHT" names: 0; -1, it names none. And such a text of an area;
 * g_free. */
int pb_area_of(pb_area *area, const char *text);
char *pb_area_text(const pb_area *area);

/* Which part of a photo a network sees. */
typedef struct pb_crop {
    enum { PB_CROP_FIT, PB_CROP_AREA, PB_CROP_FACE } kind;
    pb_fit fit;        /* of PB_CROP_FIT; and of PB_CROP_FACE where there is no face */
    pb_area area;      /* of PB_CROP_AREA, within the photo */
    pb_face where;     /* of PB_CROP_FACE: a face's place in a picture, as pb_frame_faces has it */
    pb_ground ground;  /* of what is transparent */
    double megapixels; /* the largest photo that is read; 0: PB_MEGAPIXELS */
} pb_crop;

/* The crop wanted, for this model: a face is looked for only where the model's pullback.json says
 * where faces lie in its pictures. */
pb_crop pb_crop_for(pb_crop wanted, const pb_recommended *model);

typedef struct pb_photo {
    pb_pixels pixels; /* the whole photo */
    pb_bytes file;    /* what was read, for picture/original.h; may be empty */
    pb_area area;     /* what the network sees of it; with PB_FIT_PAD it reaches beyond it */
    float outside;    /* what lies beyond the photo, in [-1, 1]: 1, white, unless it is changed */
    int looked;       /* were faces looked for? */
    size_t faces;     /* how many were found */
    pb_area face[PB_FRAMES_MOST]; /* the area of each; the first is the one taken */
} pb_photo;

#define PB_PHOTO_EMPTY ((pb_photo){.pixels = PB_PIXELS_EMPTY, .outside = 1})

/* Reads a photo: of several pages or frames the first. EXIF orientation and colour profiles are
 * obeyed, transparency is laid over the ground; picture/open.h says which formats are read,
 * picture/srgb.h which pixels. The area is chosen for a network of width x height; padded too it
 * has no more pixels than a photo may have. Errors: PB_IO, PB_FORMAT (not a picture, damaged,
 * values that are not finite, too many pixels), PB_UNSUPPORTED (pixels of another kind;
 * built without what finds faces), PB_INVALID (a crop beyond the photo), PB_MEMORY. */
pb_status pb_photo_read(pb_photo *photo, const char *path, const pb_crop *crop, size_t width,
                        size_t height, pb_error *error);

/* A photo's file, of no more bytes than such a photo may have (pb_bytes_clear). Errors: those of
 * pb_file_read. */
pb_status pb_photo_load(pb_bytes *file, const char *path, const pb_crop *crop, pb_error *error);

/* The same of a file's bytes in memory, which it takes over, also on failure; name: for messages.
 */
pb_status pb_photo_take(pb_photo *photo, pb_bytes *file, const char *name, const pb_crop *crop,
                        size_t width, size_t height, pb_error *error);

/* And of pixels that others have read, upright and in sRGB, which it takes over likewise. */
pb_status pb_photo_of_pixels(pb_photo *photo, pb_pixels *pixels, const char *name,
                             const pb_crop *crop, size_t width, size_t height, pb_error *error);
void pb_photo_clear(pb_photo *photo);

/* The picture of a file as pb_picture_open opens it, but upright: *upright, the caller's. */
pb_status pb_photo_open(VipsImage **upright, const pb_bytes *file, const char *path,
                        double megapixels, pb_error *error);

/* Colour c (red, green, blue) of the pixel at (x, y) of the area, in [-1, 1]. */
float pb_photo_colour(const pb_photo *photo, size_t x, size_t y, size_t c);

/* The area as a tensor (1, channels, height, width) in [-1, 1], resized as in picture/resize.h;
 * channels 1 (luma, Rec. 601) or 3.
 * *tensor must be empty. Errors: PB_UNSUPPORTED (other channels), PB_MEMORY. */
pb_status pb_photo_tensor(const pb_photo *photo, size_t channels, size_t width, size_t height,
                          pb_tensor *tensor, pb_error *error);

/* The photo, no longer than `longest` on either side. *pixels must be empty. Errors: PB_MEMORY. */
pb_status pb_photo_shrink(const pb_photo *photo, size_t longest, pb_pixels *pixels,
                          pb_error *error);

/* The photo with the area's outline drawn, no longer than `longest` on either side.
 * *pixels must be empty. Errors: PB_MEMORY. */
pb_status pb_photo_outline(const pb_photo *photo, size_t longest, pb_pixels *pixels,
                           pb_error *error);

#endif
