/* The inside of a pb_linearisation. */
#ifndef PB_MAP_LINEARISATION_H
#define PB_MAP_LINEARISATION_H

#include "base/run.h"
#include "graph/executor.h"
#include "map/tap.h"

/* One of its operators, and their context. */
typedef struct pb_map_operator {
    struct pb_linearisation *l;
    bool bf16;
    pb_operator op;
} pb_map_operator;

struct pb_linearisation {
    const pb_model *model;
    pb_run run;
    pb_executor *executor;
    const pb_section *section; /* of the executor */
    pb_tap_use to;
    bool from_x; /* the affine part of `to` varies too */
    pb_map_operator fp32, bf16;
    pb_error error; /* why one of them stopped */
};

/* Shape (C, H, W) of the image that it was made at. */
void pb_linearisation_image(const pb_linearisation *linearisation, size_t shape[3]);

#endif
