/* A photo as its file has it, with a change: upright, else in its own colours, depth and
 * transparency, with what the file says about it. */
#ifndef PB_PICTURE_ORIGINAL_H
#define PB_PICTURE_ORIGINAL_H

#include "picture/photo.h"

/* Writes the photo with a change (picture/blend.h) of its area, in the format that the path's
 * ending names, JPEG and WebP at a quality of 1 to 100. Grey and RGB photos of 8 and 16 bits keep
 * their pixels: those outside the area are the file's own, to the bit where the format has no loss;
 * within it a pixel v becomes v + B(s + change) - B(s), where s is v in sRGB through the photo's
 * profile, unbounded, and B the way back, so that where nothing changes nothing does. Transparency
 * stays. Others (CMYK, Lab, XYZ, floats, 32 bits, grey with a profile for RGB) become 8-bit sRGB.
 *
 * What the file holds besides stays where the format can hold it: its profile, its resolution,
 * EXIF (GPS too, as other editors keep it), XMP, IPTC. The orientation becomes "upright", which it
 * then is; a thumbnail, which would show the photo as it was, goes.
 *
 * *lost: what the photo had and the file has not, in words ("transparency, laid over white";
 * g_free), or NULL. Errors: PB_INVALID (an unknown ending), PB_FORMAT, PB_IO, PB_MEMORY. */
pb_status pb_original_write(const pb_photo *photo, const pb_tensor *change, const char *path,
                            const char *settings, int quality, char **lost, pb_error *error);

/* The bytes that such a file would have (pb_bytes_clear); name: one that ends in the format. */
pb_status pb_original_encode(const pb_photo *photo, const pb_tensor *change, const char *name,
                             const char *settings, int quality, pb_bytes *bytes, char **lost,
                             pb_error *error);

#endif
