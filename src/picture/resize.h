/* Images of floats at another size. */
#ifndef PB_PICTURE_RESIZE_H
#define PB_PICTURE_RESIZE_H

#include <stddef.h>

#include "base/error.h"

/* Resizes bands x height x width floats (one plane after the other) to bands planes of out_width x
 * out_height. Pixels are areas, and the two sizes cover the same one: pixel i of n has its centre
 * at (i + 1/2) / n of the side, before as after. An axis that gets shorter is low-pass filtered
 * and resampled by Lanczos with three lobes; one that gets longer is interpolated by the cubic of
 * Keys (1981) with a = -1/2, which passes through the pixels and keeps straight lines straight.
 * Beyond the border its pixels go on. Errors: PB_MEMORY. */
pb_status pb_resize(size_t bands, size_t width, size_t height, const float *in, size_t out_width,
                    size_t out_height, float *out, pb_error *error);

#endif
