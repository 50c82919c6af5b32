/* A model at work: opened, with an evaluator of images of one size, its prompts, and for a latent
 * model the way from pictures to latents and back. What the network sees is called an image: of a
 * latent model, a latent. */
#ifndef PB_CLI_SESSION_H
#define PB_CLI_SESSION_H

#include "cli/prompts.h"
#include "picture/photo.h"

typedef struct pb_session {
    const pb_cli *cli;
    pb_model *model;
    const pb_model_info *info;
    const pb_schedule *schedule;
    long class_label;
    pb_prompts prompts;
    const pb_basis *fits; /* directions that the images must go with; NULL: none, */
    const char *fits_by;  /* and their file */
    size_t height, width; /* of the images; 0 until the evaluator is made */
    pb_evaluator *evaluator;
    pb_autoencoder *autoencoder; /* of a latent model, once it was needed */
    int told;                    /* that steps did not clip */
} pb_session;

/* Opens --model and starts libvips; text: prompts, or NULL where none are needed.
 * Errors: PB_INVALID (no --model; prompts for a model without text), the model's. */
pb_status pb_session_open(pb_session *session, const pb_cli *cli, long class_label,
                          const pb_text_options *text, pb_error *error);

/* Makes the evaluator for images of a size. Errors: PB_INVALID (not the size of `fits`), those of
 * pb_evaluator_new. */
pb_status pb_session_size(pb_session *session, size_t height, size_t width, pb_error *error);
void pb_session_close(pb_session *session);

/* Floats of one image. */
size_t pb_session_image(const pb_session *session);

/* What the network is conditioned on at a timestep. Points into the session. */
pb_condition pb_session_condition(const pb_session *session, pb_prompt_use use, double timestep);

/* The noise predictor of x-space guidance: under the edit prompt. pb_denoiser_free. */
pb_status pb_session_editor(pb_denoiser **out, const pb_session *session, pb_error *error);

/* Stochastic steps downwards. */
typedef struct pb_boost {
    double t;      /* from this fraction of T on; 0: none */
    uint64_t seed; /* of their noise */
    int own;       /* each image has noise of its own; 0: all have the same */
} pb_boost;

/* Moves images x (n,c,h,w) between grid points, with a bar labelled so. boost may be NULL: none.
 * The first time that steps leave out the scheduler's clip_sample or thresholding a line on stderr
 * says so: only those of a boost are never reversed. */
pb_status pb_session_move(pb_session *session, const char *label, pb_tensor *x, size_t from,
                          size_t to, size_t steps, const pb_boost *boost, pb_error *error);

/* The same from noise to images as DDIMScheduler of diffusers spaces its steps. */
pb_status pb_session_sample(const pb_session *session, pb_tensor *x, pb_spacing spacing,
                            size_t steps, pb_error *error);

/* -- pictures -----------------------------------------------------------------------------------
 */

/* Is it a model of latents? */
int pb_session_is_latent(const pb_session *session);

/* Pixels for each position of an image, and channels of a picture: 1 and the network's own unless
 * the model is one of latents. Opens the autoencoder there. */
pb_status pb_session_pixels(pb_session *session, size_t *factor, size_t *channels, pb_error *error);

/* The size of an image for so many pixels (0: what the model was trained at). */
pb_status pb_session_choose_size(pb_session *session, size_t pixel_height, size_t pixel_width,
                                 size_t *height, size_t *width, pb_error *error);

/* Pictures (n,c,h,w) in [-1, 1] to images and back, in place: *tensor is replaced. They do nothing
 * unless the model is one of latents. */
pb_status pb_session_encode(pb_session *session, pb_tensor *tensor, pb_error *error);
pb_status pb_session_decode(pb_session *session, pb_tensor *tensor, pb_error *error);

/* -- files --------------------------------------------------------------------------------------
 */

/* Reads a .npy of images as the network sees them: (c,h,w) is taken for (1,c,h,w); or a
 * .safetensors of images at a noise level of this very model. most: how many there may be. *tensor
 * must be empty; it is (n,c,h,w). */
pb_status pb_read_images(pb_tensor *tensor, const pb_session *session, const char *path,
                         size_t most, pb_error *error);

/* A .npy of latents, for a latent model only. */
pb_status pb_read_latents(pb_tensor *tensor, pb_session *session, const char *path, size_t most,
                          pb_error *error);

/* A .npy of pictures in [-1, 1], which a latent model's autoencoder then encodes. Whether a file
 * holds the one or the other is never told by its channels. */
pb_status pb_read_pictures(pb_tensor *tensor, pb_session *session, const char *path, size_t most,
                           pb_error *error);

/* Writes images (n,c,h,w): all values as .npy, or as a picture in which they stand side by side. */
pb_status pb_write_images(const pb_tensor *images, pb_session *session, const char *path,
                          const char *settings, pb_error *error);

/* The same of pictures that are decoded already. */
pb_status pb_write_pictures(const pb_tensor *pictures, const char *path, const char *settings,
                            pb_error *error);

/* Writes images at a noise level (n,c,h,w) of a grid of `steps` points as a .safetensors that says
 * which, and of what model and prompts. t: NaN where it is not known. */
pb_status pb_write_noisy(const pb_tensor *images, const pb_session *session, double timestep,
                         double t, size_t steps, const char *path, pb_error *error);

#endif
