/* What is checked of a denoiser before it is asked. */
#ifndef PB_DIFFUSION_DENOISER_H
#define PB_DIFFUSION_DENOISER_H

#include <pullback/diffusion.h>

#include "base/error.h"

/* Can it be asked about images of size floats? Errors: PB_INVALID. */
pb_status pb_denoiser_check(const pb_denoiser *denoiser, size_t size, pb_error *error);

#endif
