/* The inside of a pb_schedule: where a(t) and s(t) come from. */
#ifndef PB_DIFFUSION_SCHEDULE_H
#define PB_DIFFUSION_SCHEDULE_H

#include <pullback/diffusion.h>

/* Timesteps that a schedule has, at least and at most. */
#define PB_LEAST_LENGTH 2
#define PB_MOST_LENGTH 100000

struct pb_schedule {
    pb_prediction prediction;
    size_t T;
    float *alpha_bar; /* T: a = sqrt(alpha-bar), s = sqrt(1 - alpha-bar); or NULL: a flow */
    const char *kind;
    char hash[65];
};

/* What configs call the betas, and the predictions; NULL after the last. */
extern const char *const pb_betas_names[], *const pb_prediction_names[];

/* Names the path once it is whole. Errors: PB_MEMORY. */
pb_status pb_schedule_name(pb_schedule *schedule, const char *kind, pb_error *error);

/* The point of the path at grid point i of S. */
pb_path_point pb_path_at_grid(const pb_schedule *schedule, size_t S, size_t i);

#endif
