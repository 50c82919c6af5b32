/* The one way in for pictures that others made: which formats are read, and how much of them. */
#ifndef PB_PICTURE_OPEN_H
#define PB_PICTURE_OPEN_H

#include <vips/vips.h>

#include "base/error.h"
#include "io/file.h"

/* The largest picture that is read where nothing else is said, in millions of pixels. To read one
 * takes some 7 bytes a pixel, 16 of one with 16 bits and transparency that is interlaced; to edit
 * it 42: 4.2 GB. */
#define PB_MEGAPIXELS 100

/* Opens the picture of a file by the loader of its format, which is JPEG, PNG, WebP, TIFF, GIF,
 * HEIF, AVIF or JPEG XL, as far as this libvips has them. No other loader is asked, not even
 * whether a file is its own: ImageMagick's, and those of SVG and PDF, read other files that a
 * picture names, and run programs; the rest is not made for files of strangers.
 *
 * What is more than `megapixels` million pixels, of more than 16 bands, or larger than it looks in
 * another way (picture/excess.h), is refused before a pixel is decoded. *file must live as long as
 * *image, which is the caller's. Errors: PB_FORMAT (not a picture, damaged, of another format, too
 * large), PB_UNSUPPORTED (its bands), PB_MEMORY. */
pb_status pb_picture_open(VipsImage **image, const pb_bytes *file, const char *path,
                          double megapixels, pb_error *error);

/* Decodes the picture now, as far as its loader decodes it at once, and on one thread: of several,
 * libvips takes the first that finds nothing left to do for all, and the error of one that is still
 * at work is lost; the picture is then black from there on. What is decoded as it is asked for, the
 * tiles of TIFF, will be asked for by one. What the file says of itself is then in memory of the
 * image's own, if it is less than 100 MB, else gone. Errors: PB_FORMAT. */
pb_status pb_picture_decode(VipsImage *image, const char *path, pb_error *error);

/* Lets libvips itself refuse all other loaders, whoever asks for them. */
void pb_picture_bar_others(void);

/* Checks pixels against what may be read. how: "", or how they come to be: "padded to ".
 * Errors: PB_FORMAT. */
pb_status pb_check_pixels(const char *path, const char *how, double width, double height,
                          double megapixels, pb_error *error);

#endif
