/* The inside of a pb_linearisation. */
#ifndef PB_MAP_LINEARISATION_H
#define PB_MAP_LINEARISATION_H

#include "graph/plan.h"
#include "map/tap.h"

/* Plans kept for each direction: the block's width, and a few remainders. */
#define PB_PLANS_KEPT 4

typedef struct pb_prepared {
    pb_plan *plan;
    size_t k;
    size_t used;
} pb_prepared;

struct pb_linearisation {
    const pb_model *model;
    pb_section *section;
    pb_tap_use to;
    bool from_x; /* the affine part of `to` varies too */
    float *saved;
    pb_prepared kept[2][PB_PLANS_KEPT]; /* jvp, vjp */
    size_t clock;
    void *arena; /* for any plan so far */
    size_t arena_bytes;
    float *staging; /* two blocks: in and out */
    size_t block;
    pb_operator op;
};

#endif
