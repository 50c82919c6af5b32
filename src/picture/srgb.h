/* The pixels that libvips' loaders return, as 8-bit sRGB without transparency. */
#ifndef PB_PICTURE_SRGB_H
#define PB_PICTURE_SRGB_H

#include <vips/vips.h>

#include "base/error.h"

/* What transparency is laid over. */
typedef enum pb_ground { PB_ON_WHITE, PB_ON_BLACK } pb_ground;

/* *out: three bands of 8 bits, sRGB, evaluated as they are read; the caller unrefs it. `in` is an
 * image as a loader returned it. Accepted are, by interpretation and format,
 *
 *     grey and RGB   unsigned integers of 8, 16 or 32 bits
 *     CMYK           unsigned integers of 8 or 16 bits
 *     scRGB          floats, linear light, black to white 0 to 1
 *     Lab            floats, or 8 and 16 bits as in TIFF; relative to D50, as ICC and Photoshop
 *     XYZ            floats, relative to D65, white at Y = 100
 *
 * and with grey, RGB (8, 16 bits) and CMYK (8 bits) one further band of transparency, not
 * premultiplied, laid over the ground in sRGB. White is an integer's largest value; what is out of
 * range is cut off. An ICC profile is obeyed in all but Lab and XYZ; a broken one, or one for other
 * bands, counts as none (but one for RGB goes with grey). CMYK without a profile is in libvips'
 * own.
 *
 * Nothing is left to libvips that depends on its version or on guesses: its colour operations
 * treat transparency as one more colour (libvips#4301), and its loaders take 255 for opaque in
 * premultiplied TIFFs of floats and of 32 bits before 8.15, which is why those are refused.
 * Errors: PB_UNSUPPORTED (other pixels: of unknown range or colours), PB_FORMAT (a value that is
 * not finite; undecodable), PB_MEMORY. */
pb_status pb_srgb(VipsImage *in, const char *path, pb_ground ground, VipsImage **out,
                  pb_error *error);

#endif
