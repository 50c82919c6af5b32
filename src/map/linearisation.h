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

/* One of its operators, and their context. */
typedef struct pb_map_operator {
    struct pb_linearisation *l;
    bool bf16;
    pb_operator op;
} pb_map_operator;

struct pb_linearisation {
    const pb_model *model;
    pb_section *section;
    pb_tap_use to;
    bool from_x; /* the affine part of `to` varies too */
    float *saved;
    pb_prepared kept[4][PB_PLANS_KEPT]; /* jvp, vjp; and both in bfloat16 */
    size_t clock;
    void *arena; /* for any plan so far */
    size_t arena_bytes;
    float *staging; /* two blocks: in and out */
    size_t block;
    pb_map_operator fp32, bf16;
    pb_error error; /* why one of them stopped */
};

/* Shape (C, H, W) of the image that it was made at. */
void pb_linearisation_image(const pb_linearisation *linearisation, size_t shape[3]);

#endif
