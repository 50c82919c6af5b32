/* The order of a tensor's entries: C, H, W in files and in the API; H, W, C as networks compute. */
#ifndef PB_BASE_ORDER_H
#define PB_BASE_ORDER_H

#include <stddef.h>

/* n images of c x h x w; no overlap. */
void pb_to_hwc(float *out, const float *in, size_t n, size_t c, size_t h, size_t w);
void pb_to_chw(float *out, const float *in, size_t n, size_t c, size_t h, size_t w);

#endif
