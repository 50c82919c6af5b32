/* What an edit changes in a photo of any size. */
#ifndef PB_PICTURE_BLEND_H
#define PB_PICTURE_BLEND_H

#include "picture/photo.h"

/* The change of the photo's area under an edit: *change becomes (3, height, width) of the area, in
 * 255ths of sRGB, to be added to red, green and blue; 0 at the area's border, towards which it
 * fades, but where that is the photo's own. before, after: the network's image without the edit and
 * with it (channels 1 or 3, height, width; [-1, 1]).
 *
 * Let P be the photo, p the photo as the network sees it, d = after - before, and U enlarging. The
 * photo is U p + H with H the detail that the network does not see. Added to it, U d would leave
 * H's edges where they were. The edited photo is
 *
 *     U (p + d) + k H + (1 - k) (S + H'),
 *
 * where k says how much of the structure about a pixel is still the photo's: with p and d without
 * their low frequencies, their local variances and covariance (v_p, v_d, c), e for noise, f for
 * what is faint,
 *
 *     a = 1 + c / (v_p + e),   r = max(v_d - c^2 / (v_p + e) - f, 0),
 *     k = min(a, 1) (v_p + e) / (v_p + e + 2 r).
 *
 * a is the slope of p + d over p, as in the guided filter (He, Sun, Tang 2013), r what is left
 * over: light that changes smoothly has k = 1, what vanishes or moves k = 0. There, the network's
 * pixels are sharpened within the range of their neighbours (S), and H' keeps H's grain but not its
 * edges.
 *
 * Where the network is grey (one channel, or three alike), luma is edited, and colour is the
 * photo's; where structure moves it is what colour goes with the new luma about there: teeth that
 * become lips become red. *change must be empty. Errors: PB_UNSUPPORTED (channels), PB_MEMORY. */
pb_status pb_blend(const pb_photo *photo, const float *before, const float *after, size_t channels,
                   size_t width, size_t height, pb_tensor *change, pb_error *error);

#endif
