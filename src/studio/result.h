/* What becomes of an edit in files: one picture, or the photo with it in; a strip; an array; a
 * folder with every stage. */
#ifndef PB_STUDIO_RESULT_H
#define PB_STUDIO_RESULT_H

#include "studio/strip.h"

typedef enum pb_made { PB_MADE_PICTURE, PB_MADE_STRIP, PB_MADE_FOLDER } pb_made;

/* It stays where it is: strips point to its edits. Several edits stand side by side in one strip;
 * of what else is made there is one. */
typedef struct pb_result {
    pb_made made;
    const char *out; /* a picture, a .npy, or a folder that is there */
    int pasted;      /* picture, folder: into the photo */
    int quality;     /* of a photo as JPEG or WebP, 1 to 100 */
    size_t count;    /* edits so far: pb_result_add */
    pb_edit edits[PB_EDIT_MODES];
    pb_strip strips[PB_EDIT_MODES];
} pb_result;

/* Edits a point along directions, for what is to be made: for one picture to one side, forwards
 * unless backwards is asked for, in one stage. photo: which the point is of, or NULL; point,
 * directions and photo last as long as the result, which is to be cleared also on failure. Errors:
 * PB_INVALID (more than PB_EDIT_MODES), those of pb_session_edit. */
pb_status pb_result_add(pb_result *result, const pb_studio *studio, const pb_point *point,
                        const pb_directions *directions, const pb_photo *photo,
                        const pb_edit_options *options, const pb_run *run, pb_error *error);
void pb_result_clear(pb_result *result);

/* The names of all files that are written for it, once there is an edit; g_strfreev. */
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
