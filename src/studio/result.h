/* What becomes of an edit in files: one picture, or the photo with it in; a strip; an array; a
 * folder with every stage. */
#ifndef PB_STUDIO_RESULT_H
#define PB_STUDIO_RESULT_H

#include "studio/strip.h"

typedef enum pb_made { PB_MADE_PICTURE, PB_MADE_STRIP, PB_MADE_FOLDER } pb_made;

typedef struct pb_result {
    pb_made made;
    const char *out;        /* a picture, a .npy, or a folder that is there */
    size_t count;           /* of a strip, the edits side by side, */
    const pb_strip *strips; /* else the first one's pictures are written */
    int pasted;             /* picture, folder: into the photo, which the strip then has */
    int quality;            /* of a photo as JPEG or WebP, 1 to 100 */
} pb_result;

/* The names of all files that are written for it, in their order; g_strfreev. */
char **pb_result_paths(const pb_result *result);

/* Writes it: of one picture the reconstruction, if there are no stages, else the first stage; as
 * .npy it and strips are arrays (n,c,h,w). Warns of what a format does not keep of the photo.
 * Errors: those of drawing, pasting and writing. */
pb_status pb_result_write(const pb_result *result, const pb_studio *studio, const pb_run *run,
                          pb_error *error);

/* A name beside a photo that no file has: "holiday-edited.jpg", "holiday-edited-2.jpg" …, in the
 * photo's format if that is written; of a "strip" a PNG; g_free. */
char *pb_name_beside(const char *photo, const char *what);

#endif
