/* A scheduler's config of diffusers, read as a noise schedule. */
#ifndef PB_MODELS_SCHEDULER_H
#define PB_MODELS_SCHEDULER_H

#include <pullback/diffusion.h>

#include <stdbool.h>

#include "base/error.h"
#include "io/config.h"

/* What the config says besides the betas: as DDIMScheduler.from_config takes it from a scheduler of
 * the config's class. Fields that the file has not are at DDIMScheduler's defaults then, whatever
 * the class has for them. */
typedef struct pb_scheduler_facts {
    char name[64];       /* the class, "DDIMScheduler" */
    size_t steps_offset; /* for the spacings of diffusers */
    bool set_alpha_to_one;
    pb_clip clip; /* clip_sample, or thresholding, which goes first */
} pb_scheduler_facts;

/* Reads scheduler_config.json (path NULL: DDPMScheduler's defaults). Any class that has the betas
 * of DDPMScheduler will do: the grid and the steps are ours. Errors: PB_IO, PB_FORMAT,
 * PB_UNSUPPORTED (naming the field), PB_MEMORY. */
pb_status pb_scheduler_read(pb_schedule **schedule, pb_scheduler_facts *facts, const char *path,
                            pb_error *error);

/* The same of a config that is open, which it takes over and closes. */
pb_status pb_scheduler_of(pb_schedule **schedule, pb_scheduler_facts *facts, pb_config *config,
                          pb_error *error);

#endif
