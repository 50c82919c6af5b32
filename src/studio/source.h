/* What a point is of: a photo, or an array, and a mask; read, and as a session takes it. */
#ifndef PB_STUDIO_SOURCE_H
#define PB_STUDIO_SOURCE_H

#include "picture/photo.h"
#include "studio/studio.h"

typedef struct pb_source {
    pb_photo photo; /* empty unless there is one */
    int has_photo;
    pb_tensor array;          /* a picture, latents or x */
    pb_tensor mask, blend;    /* (h,w) of an image; of a picture */
    size_t height, width;     /* of an image as the network sees it */
    pb_point_options options; /* which point into it */
} pb_source;

#define PB_SOURCE_EMPTY ((pb_source){.options = PB_POINT_DEFAULTS})

void pb_source_clear(pb_source *source);

/* Reads a photo: the part that the crop chooses (pb_crop_for), as a picture of so many pixels, 0:
 * what the model was trained at. Errors: as pb_photo_read; PB_INVALID (a size that the network does
 * not take). */
pb_status pb_source_photo(pb_source *source, const pb_studio *studio, const char *path,
                          const pb_crop *crop, size_t pixel_height, size_t pixel_width,
                          pb_error *error);

/* The same of a file's bytes, which it takes over where it comes to reading
 * them: clear them in any case. name: for messages. */
pb_status pb_source_take(pb_source *source, const pb_studio *studio, pb_bytes *file,
                         const char *name, const pb_crop *crop, size_t pixel_height,
                         size_t pixel_width, pb_error *error);

/* Takes an array, as what it is: a picture (1,c,H,W), an image (1,c,h,w), or x. It is the source's
 * from then on. Errors: those of pb_session_pixels. */
typedef enum pb_array_kind { PB_ARRAY_PICTURE, PB_ARRAY_IMAGE, PB_ARRAY_X } pb_array_kind;
pb_status pb_source_array(pb_source *source, const pb_studio *studio, pb_array_kind kind,
                          pb_tensor *array, pb_error *error);

/* Reads what is named: an image, which is a photo or a .npy of a picture, or with `latents` of an
 * image as the network sees it; or x, a .npy or .safetensors; or (both NULL) nothing, of a point
 * that a seed draws. The size is that of source->options. Errors: those of the two above and of
 * pb_read_images. */
pb_status pb_source_read(pb_source *source, const pb_studio *studio, const char *image,
                         const char *x, int latents, const pb_crop *crop, pb_error *error);

/* Writes its photo, made smaller where it is large, with the part outlined that the network sees.
 */
pb_status pb_source_outline(const pb_source *source, const char *path, pb_error *error);

/* What a mask is for: where directions are sought (of an image's size), or where an edit is shown
 * (pb_edit_options.blend, of a picture's). */
typedef enum pb_mask_use { PB_MASK_DIRECTIONS, PB_MASK_BLEND } pb_mask_use;

/* Reads a mask for it: values 0 to 1 of a .npy (h,w), or the brightness of a picture, which is cut
 * as the photo is if it has the photo's size. Errors: PB_INVALID (of another size, black all over),
 * those of reading. */
pb_status pb_source_mask(pb_source *source, const pb_studio *studio, pb_mask_use use,
                         const char *path, double megapixels, pb_error *error);

/* The same of a picture's bytes, as pb_source_take has them. */
pb_status pb_source_take_mask(pb_source *source, const pb_studio *studio, pb_mask_use use,
                              pb_bytes *file, const char *name, double megapixels, pb_error *error);

#endif
