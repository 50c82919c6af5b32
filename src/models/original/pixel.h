/* Networks that see pixels as one file: the two families before Stable Diffusion, each a U-Net that
 * diffusers has as UNet2DModel, under the names of its authors' code. */
#ifndef PB_MODELS_ORIGINAL_PIXEL_H
#define PB_MODELS_ORIGINAL_PIXEL_H

#include "models/original/take.h"

/* Has the file the tensors of such a network? */
bool pb_pixel_is(const pb_original *o);

/* Takes the network and says what its config and the scheduler's would. prediction: the option's
 * word, or NULL.
 * Errors: PB_INVALID (two readings that fit, and what decides; two files of settings), PB_FORMAT
 * (settings that disagree with the tensors), PB_UNSUPPORTED (networks alike that are others, by
 * name), PB_IO, PB_MEMORY. */
pb_status pb_pixel_take(pb_part *parts, pb_original *o, const char *prediction, pb_error *error);

#endif
