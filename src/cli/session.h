/* A model at work: opened, with an evaluator of images of one size. */
#ifndef PB_CLI_SESSION_H
#define PB_CLI_SESSION_H

#include "cli/cli.h"
#include "picture/photo.h"

typedef struct pb_session {
    const pb_cli *cli;
    pb_model *model;
    const pb_model_info *info;
    const pb_schedule *schedule;
    long class_label;
    size_t height, width; /* of the images; 0 until the evaluator is made */
    pb_evaluator *evaluator;
    pb_denoiser denoiser;
} pb_session;

/* Opens --model and starts libvips. Errors: PB_INVALID (no --model), the model's. */
pb_status pb_session_open(pb_session *session, const pb_cli *cli, long class_label,
                          pb_error *error);

/* Makes the evaluator for images of a size. */
pb_status pb_session_size(pb_session *session, size_t height, size_t width, pb_error *error);
void pb_session_close(pb_session *session);

/* Floats of one image. */
size_t pb_session_image(const pb_session *session);

/* Moves n images between grid points, with a bar labelled so. boost: the grid point from which on
 * steps downwards are stochastic, SIZE_MAX for none. */
pb_status pb_session_move(const pb_session *session, const char *label, size_t n, float *x,
                          size_t from, size_t to, size_t steps, size_t boost, uint64_t noise_seed,
                          pb_error *error);

/* Reads a .npy of images of the network's channels: (c,h,w) is taken for (1,c,h,w). most: how many
 * there may be. *tensor must be empty; it is (n,c,h,w). */
pb_status pb_read_images(pb_tensor *tensor, const pb_session *session, const char *path,
                         size_t most, pb_error *error);

/* Writes images (n,c,h,w): all values as .npy, or as a picture in which they stand side by side. */
pb_status pb_write_images(const pb_tensor *images, const char *path, const char *settings,
                          pb_error *error);

#endif
