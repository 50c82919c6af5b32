/* Files of images at a noise level: a safetensors file with the tensor `x` (n,c,h,w), and in its
 * metadata where on the time grid it lies, of which model and under which prompts. A basis file
 * holds such an x too, and is read as one. */
#ifndef PB_IO_NOISY_H
#define PB_IO_NOISY_H

#include <stddef.h>

#include <pullback/tensor.h>

#include "io/fields.h"

/* What the metadata says; strings are pb_free's (pb_noisy_clear). */
typedef struct pb_noisy {
    double timestep; /* the network's time */
    double t;        /* the fraction asked for; NaN: not known */
    size_t steps;    /* points of the time grid; 0: not known */
    long class_label;
    char *model, *model_hash;
    char *loras; /* of the model, as pb_model_describe_loras has them; NULL: none */
    char *prediction, *schedule, *schedule_hash; /* as of a pb_basis; NULL: not known */
    char *trajectory_prompt, *negative_prompt;   /* NULL: not known */
    char *sizes;                                 /* likewise */
    double guidance_scale;
} pb_noisy;

#define PB_NOISY_EMPTY ((pb_noisy){.class_label = -1, .guidance_scale = 1})

/* The rows of a table of fields (io/fields.h) that such a file and a basis file have in common.
 * type: the structure; needed: whether a file must have what all of them have had. */
#define PB_NOISY_FIELDS(type, needed)                                                              \
    {"model", PB_FIELD_TEXT, offsetof(type, model), needed, 0, 0},                                 \
        {"model_hash", PB_FIELD_TEXT, offsetof(type, model_hash), needed, 0, 0},                   \
        {"loras", PB_FIELD_TEXT, offsetof(type, loras), false, 0, 0},                              \
        {"prediction", PB_FIELD_TEXT, offsetof(type, prediction), false, 0, 0},                    \
        {"schedule", PB_FIELD_TEXT, offsetof(type, schedule), false, 0, 0},                        \
        {"schedule_hash", PB_FIELD_TEXT, offsetof(type, schedule_hash), false, 0, 0},              \
        {"timestep", PB_FIELD_REAL, offsetof(type, timestep), true, 0, 1e9},                       \
        {"t", PB_FIELD_FRACTION, offsetof(type, t), needed, 0, 1},                                 \
        {"steps", PB_FIELD_COUNT, offsetof(type, steps), false, 2, 100000},                        \
        {"class_label", PB_FIELD_LABEL, offsetof(type, class_label), needed, -1, 1e9},             \
        {"trajectory_prompt", PB_FIELD_TEXT, offsetof(type, trajectory_prompt), false, 0, 0},      \
        {"negative_prompt", PB_FIELD_TEXT, offsetof(type, negative_prompt), false, 0, 0},          \
        {"sizes", PB_FIELD_TEXT, offsetof(type, sizes), false, 0, 0},                              \
    {                                                                                              \
        "guidance_scale", PB_FIELD_REAL, offsetof(type, guidance_scale), false, -1000, 1000        \
    }

void pb_noisy_clear(pb_noisy *noisy);

/* Writes x (n,c,h,w), whole or not at all. Errors: PB_IO, PB_MEMORY. */
pb_status pb_noisy_write(const pb_noisy *noisy, const pb_tensor *x, const char *path,
                         pb_error *error);

/* Reads what the metadata says, and the images unless x is NULL: (n,c,h,w), a basis file's point as
 * (1,c,h,w). *noisy and *x must be empty; pb_noisy_clear and pb_tensor_clear free them, also on
 * failure. Errors: PB_IO, PB_FORMAT, PB_MEMORY. */
pb_status pb_noisy_read(pb_noisy *noisy, pb_tensor *x, const char *path, pb_error *error);

#endif
