/* How a denoiser is checked, and asked. */
#ifndef PB_DIFFUSION_DENOISER_H
#define PB_DIFFUSION_DENOISER_H

#include <pullback/diffusion.h>

#include "base/error.h"

/* Can it be asked about images of size floats? Errors: PB_INVALID. */
pb_status pb_denoiser_check(const pb_denoiser *denoiser, size_t size, pb_error *error);

/* Asks it about n images. One that fails without a message gets one. */
pb_status pb_denoiser_predict(const pb_denoiser *denoiser, size_t n, const float *x, double t,
                              float *out, const pb_run *run, pb_error *error);

#endif
