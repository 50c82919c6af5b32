/* Edits as they are written: strips of stages, the settings in a picture, an edit in its photo. */
#ifndef PB_STUDIO_STRIP_H
#define PB_STUDIO_STRIP_H

#include <jansson.h>

#include "picture/photo.h"
#include "studio/studio.h"

/* An edit with what it is of. */
typedef struct pb_strip {
    const pb_edit *edit;
    const pb_point *point;
    const pb_basis *basis;
    const pb_photo *photo; /* NULL: there is none */
    const char *label;     /* behind the direction's name in a strip, or NULL */
} pb_strip;

/* The mode of a name ("guidance", "straight", "relinearise"): 0; -1, there is none. */
int pb_edit_mode_of(pb_edit_mode *mode, const char *name);

/* Adds "prompt", "edit_prompt" (where it is another), "negative_prompt" and "guidance_scale" to an
 * object, where there are any. */
void pb_prompts_describe(const pb_prompts *prompts, json_t *object);

/* A part of a photo: [x, y, width, height]. */
json_t *pb_area_json(const pb_area *area);

/* The settings: what the edit is of, what was done, and what was warned of. NULL: no memory, or a
 * name that is not in UTF-8. */
json_t *pb_strip_json(const pb_strip *strip, const pb_studio *studio);

/* The same as a text, as it is kept in a PNG (free()); NULL likewise. */
char *pb_strip_settings(const pb_strip *strip, const pb_studio *studio);

/* Writes the photo with what the edit `picture` changes (picture/blend.h, picture/original.h).
 * *lost: what its format does not hold of the photo, in words (g_free), or NULL. */
pb_status pb_strip_paste(const pb_strip *strip, const float *picture, const char *path,
                         const char *settings, int quality, char **lost, pb_error *error);

/* The bytes that such a file would have (pb_bytes_clear); name: one that ends in the format. */
pb_status pb_strip_encode_paste(const pb_strip *strip, const float *picture, const char *name,
                                const char *settings, int quality, pb_bytes *bytes, char **lost,
                                pb_error *error);

/* Draws strips of equal stages one below the other, one row per direction: the reconstruction in
 * the middle, edits growing to both sides. */
pb_status pb_strip_write(size_t count, const pb_strip *strips, const pb_studio *studio,
                         const char *path, pb_error *error);

/* The bytes that such a file would have (pb_bytes_clear); name: one that ends in the format. */
pb_status pb_strip_encode(size_t count, const pb_strip *strips, const pb_studio *studio,
                          const char *name, pb_bytes *bytes, pb_error *error);

#endif
