/* What a command works at: the model of --model, a session of it, and the files that go in and out.
 */
#ifndef PB_CLI_DESK_H
#define PB_CLI_DESK_H

#include <pullback/session.h>

#include "terminal/cli.h"

typedef struct pb_desk {
    pb_cli *cli;
    pb_model *model;
    const pb_model_info *info;
    const pb_schedule *schedule;
    pb_session *session;
    int told; /* that steps do not clip */
} pb_desk;

/* Opens --model and starts libvips. Errors: PB_INVALID (no --model), the model's. */
pb_status pb_desk_open(pb_desk *desk, pb_cli *cli, pb_error *error);
void pb_desk_close(pb_desk *desk);

/* Says, once, that the model's scheduler clips, and steps that must be reversible do not. */
void pb_desk_tell_unclipped(pb_desk *desk);

/* -- files --------------------------------------------------------------------------------------
 */

/* Reads a .npy of images as the network sees them: (c,h,w) is taken for (1,c,h,w); or a
 * .safetensors of images at a noise level of this very model. most: how many there may be. *tensor
 * must be empty; it is (n,c,h,w). */
pb_status pb_read_images(pb_tensor *tensor, const pb_desk *desk, const char *path, size_t most,
                         pb_error *error);

/* A .npy of pictures in [-1, 1]. Whether a file holds pictures or latents is never told by its
 * channels. */
pb_status pb_read_pictures(pb_tensor *tensor, pb_desk *desk, const char *path, size_t most,
                           pb_error *error);

/* Writes images (n,c,h,w): all values as .npy, or as a picture in which they stand side by side. */
pb_status pb_write_images(const pb_tensor *images, pb_desk *desk, const char *path,
                          const char *settings, pb_error *error);

/* The same of pictures that are decoded already. */
pb_status pb_write_pictures(const pb_tensor *pictures, const char *path, const char *settings,
                            pb_error *error);

/* Writes a point's x as a .safetensors that says at which noise level of which grid it lies, and of
 * what model and prompts it is. */
pb_status pb_write_noisy(const pb_point *point, const pb_desk *desk, const char *path,
                         pb_error *error);

/* Reads a basis file, and checks that it belongs to the model and goes with it
 * (pb_basis_compatible, of images of any size). */
pb_status pb_read_basis_of(pb_basis *basis, const pb_desk *desk, const char *path, pb_error *error);

/* The model's name for a command that has --basis: --model, or else the path in the file. The
 * string is the cli's. Errors: PB_IO, PB_FORMAT. */
pb_status pb_model_of_basis(pb_cli *cli, const char *path, pb_error *error);

/* Refuses a negative prompt that would do nothing; guidance: is there a scale also where none is
 * given? Errors: PB_INVALID. */
pb_status pb_prompts_check(const pb_prompts *prompts, int guidance, pb_error *error);

/* Adds "prompt", "edit_prompt" (where it is another), "negative_prompt" and "guidance_scale" to an
 * object, where there are any. */
void pb_prompts_describe(const pb_prompts *prompts, json_t *object);

#endif
