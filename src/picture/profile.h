/* ICC profiles, by Little CMS. */
#ifndef PB_PICTURE_PROFILE_H
#define PB_PICTURE_PROFILE_H

#include <vips/vips.h>

/* Grey, RGB or CMYK in unsigned integers of 8 or 16 bits, in the colours of a profile of size
 * bytes, as 8-bit sRGB: relative colorimetric, evaluated as it is read. The caller unrefs what is
 * returned; NULL where the profile is broken or goes with other bands, or where memory is short.
 *
 * Why not vips_icc_transform: its sRGB is a table, 2 of 255 off in saturated colours; of 16 bits
 * Little CMS makes a table of 33 steps a side unless told not to, 15 off there; and versions
 * differ in the depth they return (libvips#3830). */
VipsImage *pb_profile_srgb(VipsImage *in, const void *profile, size_t size);

#endif
