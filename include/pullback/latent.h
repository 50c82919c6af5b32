/* Latents: images to the space that a latent diffusion model works in, and back (Rombach et al.
 * 2022). Images are floats in [-1, 1], N, C, H, W; a latent of an image of H x W pixels is
 * H/factor x W/factor, rounded down.
 * A pb_autoencoder is immutable once open and may be shared by threads. */
#ifndef PULLBACK_LATENT_H
#define PULLBACK_LATENT_H

#include <pullback/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pb_autoencoder pb_autoencoder;

typedef struct pb_autoencoder_info {
    size_t channels; /* of an image */
    size_t latent_channels;
    size_t factor;  /* pixels for each position of a latent, in height and in width */
    double scaling; /* a latent is the mean of its distribution times that */
} pb_autoencoder_info;

/* Opens the autoencoder of a pipeline, FOLDER/vae. Errors: PB_INVALID (the model has none),
 * PB_FORMAT (it does not go with the U-Net), those of reading. The model may be freed before it. */
PB_API pb_status pb_autoencoder_open(pb_autoencoder **out, const pb_model *model, pb_error *error);
PB_API void pb_autoencoder_free(pb_autoencoder *autoencoder);
PB_API pb_autoencoder_info pb_autoencoder_get_info(const pb_autoencoder *autoencoder);

/* Images (n, channels, height, width) to latents (n, latent_channels, height/factor, width/factor,
 * rounded down): the means of their distributions, scaled. *latents must be empty; the caller
 * clears it. Errors: PB_INVALID (other channels, a height or width below the factor), PB_MEMORY,
 * PB_CANCELLED, PB_IO, PB_NUMERIC. */
PB_API pb_status pb_encode(const pb_autoencoder *autoencoder, const pb_tensor *images,
                           pb_tensor *latents, const pb_run *run, pb_error *error);

/* Latents to images of factor times their height and width. Otherwise as pb_encode. */
PB_API pb_status pb_decode(const pb_autoencoder *autoencoder, const pb_tensor *latents,
                           pb_tensor *images, const pb_run *run, pb_error *error);

#ifdef __cplusplus
}
#endif

#endif
