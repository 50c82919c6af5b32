/* How an edit travels: along which directions, by which guidance, in how many stages. The options
 * that edit and transport share. */
#ifndef PB_CLI_TRAVEL_H
#define PB_CLI_TRAVEL_H

#include <pullback/session.h>

#include "terminal/cli.h"

#define PB_DIRECTIONS_MOST 64

typedef struct pb_travel {
    char *direction;           /* "0", "0,2", "0-3", "0:1,3:-0.5"; NULL: "0" */
    double step, scale, boost; /* NaN: not given */
    double strength;           /* a share of the iterations; NaN: not given */
    double length;             /* NaN: not given */
    int iterations;            /* 0: not given */
    int stages;                /* 0: not given */
    gint64 noise_seed;
    /* after pb_travel_check: */
    size_t directions[PB_DIRECTIONS_MOST], count;
    double weights[PB_DIRECTIONS_MOST];
    int weighted; /* they are one direction */
} pb_travel;

#define PB_TRAVEL_DEFAULTS                                                                         \
    ((pb_travel){.step = NAN, .scale = NAN, .boost = NAN, .strength = NAN, .length = NAN})

/* Entries of the option table of a command whose pb_travel are `o`. */
/* clang-format off */
#define PB_TRAVEL_ENTRIES(o) \
    {"direction", 'd', 0, G_OPTION_ARG_STRING, &(o).direction, \
     "Directions of the basis, from 0 on: 0 or 0,2 or 0-3; or one that is their weighted sum, at length 1: " \
     "0:1,3:-0.5 (default: 0)", "LIST"}, \
    {"strength", 0, 0, G_OPTION_ARG_DOUBLE, &(o).strength, \
     "How far: a share of the full edit, -1 to 1; of one picture the sign chooses the side " \
     "(default: 0.5, or 1 where its length or --edit-iterations is given)", "S"}, \
    {"stages", 0, 0, G_OPTION_ARG_INT, &(o).stages, "Stages shown on each side of the reconstruction (default: 4)", "N"}, \
    {"edit-step", 0, 0, G_OPTION_ARG_DOUBLE, &(o).step, \
     "How far along the direction the network's noise is compared (delta; default: the model's, or 1)", \
     "D"}, \
    {"edit-scale", 0, 0, G_OPTION_ARG_DOUBLE, &(o).scale, \
     "How much of the difference is added to the image (gamma; default: the model's, or 0.1; 1 for latents)", "G"}, \
    {"edit-iterations", 0, 0, G_OPTION_ARG_INT, &(o).iterations, \
     "How often that is repeated (default: the model's, or 16; for latents under an edit prompt 64)", "N"}, \
    {"boost", 0, 0, G_OPTION_ARG_DOUBLE, &(o).boost, \
     "Stochastic steps, which repair blemishes, from this fraction of T down to the image, 0 for none (default: the model's, or 0.2; none for latents)", \
     "T"}, \
    {"noise-seed", 0, 0, G_OPTION_ARG_INT64, &(o).noise_seed, \
     "Seed of the noise of stochastic steps (default: 0)", "N"}
/* clang-format on */

/* Checks the options after parsing, and reads the list of directions. Errors: PB_INVALID. */
pb_status pb_travel_check(pb_travel *travel, pb_error *error);

/* The largest direction of the list. */
size_t pb_travel_last(const pb_travel *travel);

/* How many directions are edited along. */
size_t pb_travel_ways(const pb_travel *travel);

/* The session's options, of an edit to both sides in several stages. They point into the travel. */
pb_edit_options pb_travel_options(const pb_travel *travel);

#endif
