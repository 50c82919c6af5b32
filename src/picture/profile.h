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

/* A profile's colours, to sRGB and back: floats of 0 to 1 (black to white), beyond which those of
 * profiles that are curves and a matrix go on. */
typedef struct pb_colours {
    void *to, *from;
} pb_colours;

#define PB_COLOURS_EMPTY ((pb_colours){NULL, NULL})

/* What pixels of so many colours (1 or 3) can be done with a profile. */
typedef enum pb_ways {
    PB_WAYS_NONE, /* it is broken, or for other colours */
    PB_WAYS_TO,   /* seen (grey through one for RGB; one for scanners), but not made */
    PB_WAYS_BOTH  /* *colours holds the ways: pb_colours_clear */
} pb_ways;

pb_ways pb_colours_open(pb_colours *colours, const void *profile, size_t size, size_t count);
void pb_colours_clear(pb_colours *colours);

/* n pixels. */
void pb_colours_to_srgb(const pb_colours *colours, const float *in, float *rgb, size_t n);
void pb_colours_from_srgb(const pb_colours *colours, const float *rgb, float *out, size_t n);

#endif
