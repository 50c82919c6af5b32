/* Files of images at a noise level: a safetensors file with the tensor `x` (n,c,h,w), and in its
 * metadata where on the time grid it lies, of which model and under which prompts. A basis file
 * holds such an x too, and is read as one. */
#ifndef PB_IO_NOISY_H
#define PB_IO_NOISY_H

#include <pullback/tensor.h>

#include "base/error.h"

/* What the metadata says; strings are pb_free's (pb_noisy_clear). */
typedef struct pb_noisy {
    double timestep; /* the network's time */
    double t;        /* the fraction asked for; NaN: not known */
    size_t steps;    /* points of the time grid; 0: not known */
    long class_label;
    char *model, *model_hash;
    char *prompt, *negative; /* of the trajectory; NULL: not known */
    double scale;            /* of its guidance */
} pb_noisy;

#define PB_NOISY_EMPTY ((pb_noisy){.class_label = -1, .scale = 1})

void pb_noisy_clear(pb_noisy *noisy);

/* Writes x (n,c,h,w), whole or not at all. Errors: PB_IO, PB_MEMORY. */
pb_status pb_noisy_write(const pb_noisy *noisy, const pb_tensor *x, const char *path,
                         pb_error *error);

/* Reads what the metadata says, and the images unless x is NULL: (n,c,h,w), a basis file's point as
 * (1,c,h,w). *noisy and *x must be empty; pb_noisy_clear and pb_tensor_clear free them, also on
 * failure. Errors: PB_IO, PB_FORMAT, PB_MEMORY. */
pb_status pb_noisy_read(pb_noisy *noisy, pb_tensor *x, const char *path, pb_error *error);

#endif
