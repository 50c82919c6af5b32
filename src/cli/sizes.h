/* Options that say what a model as Stable Diffusion XL is told of sizes. */
#ifndef PB_CLI_SIZES_H
#define PB_CLI_SIZES_H

#include <glib.h>

#include <pullback/session.h>

#include "base/error.h"

/* As given, or NULL. */
typedef struct pb_size_flags {
    char *original, *crop, *target;
} pb_size_flags;

/* clang-format off */
#define PB_ORIGINAL_SIZE_ENTRY(f) \
    {"original-size", 0, 0, G_OPTION_ARG_STRING, &(f).original, \
     "What a model as Stable Diffusion XL is told: the height and width in pixels of the picture " \
     "before anything was done to it (default: those of the picture at work)", "H,W"}
#define PB_CROP_COORDS_ENTRY(f) \
    {"crop-coords", 0, 0, G_OPTION_ARG_STRING, &(f).crop, \
     "Likewise: top and left of the part that was cut out of it (default: 0,0)", "T,L"}
#define PB_TARGET_SIZE_ENTRY(f) \
    {"target-size", 0, 0, G_OPTION_ARG_STRING, &(f).target, \
     "Likewise: the height and width that are wanted (default: those of the picture at work)", "H,W"}
/* clang-format on */

/* Their numbers into *sizes, but for what is not given. Errors: PB_INVALID. */
pb_status pb_sizes_take(pb_sizes *sizes, const pb_size_flags *flags, pb_error *error);

#endif
