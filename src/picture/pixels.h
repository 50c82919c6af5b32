/* Pictures as 8-bit RGB pixels, and libvips, which reads and writes them. */
#ifndef PB_PICTURE_PIXELS_H
#define PB_PICTURE_PIXELS_H

#include <stddef.h>
#include <vips/vips.h>

#include "base/error.h"
#include "base/luma.h"
#include "io/file.h"

/* Starts libvips with this many threads; once, before anything else here. Errors: PB_IO. */
pb_status pb_picture_start(const char *program, int threads, pb_error *error);

/* Fails with libvips' own message, which is then forgotten. */
pb_status pb_fail_vips(pb_error *error, pb_status status, const char *what);

typedef struct pb_pixels {
    size_t width, height;
    unsigned char *rgb; /* height rows of width times red, green, blue */
} pb_pixels;

#define PB_PIXELS_EMPTY ((pb_pixels){0, 0, NULL})

/* White pixels. *pixels must be empty. Errors: PB_MEMORY. */
pb_status pb_pixels_new(pb_pixels *pixels, size_t width, size_t height, pb_error *error);
void pb_pixels_clear(pb_pixels *pixels);

/* From the last dot of a path's name on, or NULL. */
const char *pb_picture_ending(const char *path);

/* The quality at which JPEG and WebP are written. From 90 on JPEG keeps its colours at full
 * resolution (4:4:4). */
#define PB_QUALITY 92

/* Writes a picture in the format that the path's ending names (png, jpg, webp, tif …), whole or
 * not at all. settings: text for PNG's tEXt chunk "pullback", or NULL. quality: 1 to 100, of JPEG
 * and WebP; pb_pixels_write's is PB_QUALITY. Errors: PB_INVALID (an unknown ending), PB_IO,
 * PB_MEMORY. */
pb_status pb_pixels_write(const pb_pixels *pixels, const char *path, const char *settings,
                          pb_error *error);
pb_status pb_picture_write(VipsImage *image, const char *path, const char *settings, int quality,
                           pb_error *error);

/* The bytes that such a file would have (pb_bytes_clear); name: one that ends in the format. */
pb_status pb_pixels_encode(const pb_pixels *pixels, const char *name, const char *settings,
                           int quality, pb_bytes *bytes, pb_error *error);
pb_status pb_picture_encode(VipsImage *image, const char *name, const char *settings, int quality,
                            pb_bytes *bytes, pb_error *error);

/* Is this libvips' name of a PNG's "pullback" text? The number in it is the text's place among all
 * of the file. */
int pb_is_settings(const char *name);

/* The "pullback" text of a PNG as a new string (pb_free), or NULL where there is none.
 * Errors: PB_IO, PB_FORMAT, PB_MEMORY. */
pb_status pb_png_settings(char **settings, const char *path, pb_error *error);

#endif
