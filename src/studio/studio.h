/* A model at work with pictures: its session, and the files that go in and out. What the program
 * shares with whoever else shows and edits photos. */
#ifndef PB_STUDIO_STUDIO_H
#define PB_STUDIO_STUDIO_H

#include <pullback/session.h>

#include "base/error.h"

typedef struct pb_studio {
    const char *name; /* of the model, as it was given; the caller's */
    pb_model *model;
    const pb_model_info *info;
    const pb_schedule *schedule;
    pb_session *session;
} pb_studio;

/* Takes over a model that is open, also on failure. *studio is to be closed in any case. Errors:
 * PB_MEMORY. */
pb_status pb_studio_open(pb_studio *studio, const char *name, pb_model *model, pb_error *error);
void pb_studio_close(pb_studio *studio);

/* -- arrays --------------------------------------------------------------------------------------
 */

/* Reads a .npy of images as the network sees them: (c,h,w) is taken for (1,c,h,w); or a
 * .safetensors of images at a noise level of this very model. most: how many there may be. *tensor
 * must be empty; it is (n,c,h,w). */
pb_status pb_read_images(pb_tensor *tensor, const pb_studio *studio, const char *path, size_t most,
                         pb_error *error);

/* A .npy of pictures in [-1, 1]. Whether a file holds pictures or latents is never told by its
 * channels. */
pb_status pb_read_pictures(pb_tensor *tensor, const pb_studio *studio, const char *path,
                           size_t most, pb_error *error);

/* Writes images (n,c,h,w): all values as .npy, or as a picture in which they stand side by side. */
pb_status pb_write_images(const pb_tensor *images, const pb_studio *studio, const char *path,
                          const char *settings, const pb_run *run, pb_error *error);

/* The same of pictures that are decoded already. */
pb_status pb_write_pictures(const pb_tensor *pictures, const char *path, const char *settings,
                            pb_error *error);

/* Writes one picture (c,h,w) of such a shape, enlarged to be looked at. */
pb_status pb_write_enlarged(const float *picture, const size_t shape[3], const char *path,
                            pb_error *error);

/* The same of an image (1,c,h,w) as the network sees it. */
pb_status pb_write_look(const pb_tensor *image, const pb_studio *studio, const char *path,
                        const pb_run *run, pb_error *error);

/* Writes a point's x as a .safetensors that says at which noise level of which grid it lies, and of
 * what model and prompts it is. */
pb_status pb_write_noisy(const pb_point *point, const pb_studio *studio, const char *path,
                         pb_error *error);

/* Reads a basis file, and checks that it belongs to the model and goes with it
 * (pb_basis_compatible, of images of any size). */
pb_status pb_read_basis_of(pb_basis *basis, const pb_studio *studio, const char *path,
                           pb_error *error);

/* Checks the model's hash against what a file says of it (NULL or "": nothing); name, loras: of the
 * model there, or NULL. Errors: PB_INVALID, those of pb_model_hash. */
pb_status pb_check_model(const pb_model *model, const char *hash, const char *path,
                         const char *name, const char *loras, pb_error *error);

#endif
