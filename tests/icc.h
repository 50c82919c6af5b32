/* ICC profiles written by hand. */
#ifndef ICC_H
#define ICC_H

#include <stddef.h>

#define ICC_SIZE 512

/* A profile of RGB whose primaries have these XYZ (relative to D50, one after the other), or, for
 * NULL, of grey. Its curve is sRGB's for gamma 0, or a power. Returns its size. */
size_t icc_profile(unsigned char *bytes, const double (*primaries)[3], double gamma);

#endif
