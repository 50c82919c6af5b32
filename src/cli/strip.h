/* Edits as they are written: strips of stages, the settings in a picture, an edit in its photo. */
#ifndef PB_CLI_STRIP_H
#define PB_CLI_STRIP_H

#include "cli/where.h"

/* An edit with what it is of. */
typedef struct pb_strip {
    const pb_edit *edit;
    const pb_point *point;
    const pb_basis *basis;
    const pb_photo *photo; /* NULL: there is none */
    const char *label;     /* behind the direction's name in a strip, or NULL */
} pb_strip;

/* The settings as a JSON text (free with free()). */
char *pb_strip_settings(const pb_strip *strip, const pb_desk *desk);

/* Writes the photo with what the edit `picture` changes (picture/blend.h, picture/original.h), and
 * warns of what its format does not hold. */
pb_status pb_strip_paste(const pb_strip *strip, const pb_cli *cli, const float *picture,
                         const char *path, const char *settings, int quality, pb_error *error);

/* Draws strips of equal stages one below the other, one row per direction: the reconstruction in
 * the middle, edits growing to both sides. */
pb_status pb_strip_write(size_t count, const pb_strip *strips, const pb_desk *desk,
                         const char *path, pb_error *error);

#endif
