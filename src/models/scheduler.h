/* A scheduler's config of diffusers, read as a noise schedule. */
#ifndef PB_MODELS_SCHEDULER_H
#define PB_MODELS_SCHEDULER_H

#include <pullback/diffusion.h>

#include <stdbool.h>

#include "base/error.h"

/* What the config says besides the betas. */
typedef struct pb_scheduler_facts {
    char name[64];       /* the class, "DDIMScheduler" */
    size_t steps_offset; /* for the spacings of diffusers */
    bool set_alpha_to_one;
    const char *ignored; /* settings that are on in the config and off here, or NULL */
} pb_scheduler_facts;

/* Reads scheduler_config.json (path NULL: DDPMScheduler's defaults). Any class that has the betas
 * of DDPMScheduler will do: the grid and the steps are ours. clip_sample and thresholding make a
 * step irreversible and its derivative meaningless: they are left out, and reported. Errors: PB_IO,
 * PB_FORMAT, PB_UNSUPPORTED (naming the field), PB_MEMORY. */
pb_status pb_scheduler_read(pb_schedule **schedule, pb_scheduler_facts *facts, const char *path,
                            pb_error *error);

#endif
