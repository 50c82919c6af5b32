/* Editing by x-space guidance (Park et al. 2023, section 3.4).
 *
 *     x <- x + gamma [eps(x + delta v) - eps(x)],   N times, all at one timestep.
 *
 * Images are flat float arrays in N, C, H, W order, as in diffusion.h.
 */
#ifndef PULLBACK_EDIT_H
#define PULLBACK_EDIT_H

#include <pullback/diffusion.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pb_guidance {
    double step;       /* delta */
    double scale;      /* gamma */
    size_t iterations; /* N */
} pb_guidance;

/* Guides from x along `count` unit directions v (count * size floats; a sign is part of the
 * direction), and keeps `stages` iterates of each at equal intervals (stage j = 1 … stages is
 * the iterate round(j N / stages)). out: count * stages * size floats, direction major.
 * t: the network's time. All directions advance as one batch.
 * Errors: PB_INVALID, PB_MEMORY, PB_NUMERIC, the denoiser's. */
PB_API pb_status pb_guide(const pb_denoiser *denoiser, double t, const float *x, size_t count,
                          const float *v, const pb_guidance *guidance, size_t stages, float *out,
                          pb_progress progress, void *progress_context, pb_error *error);

#ifdef __cplusplus
}
#endif

#endif
