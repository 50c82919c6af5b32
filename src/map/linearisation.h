/* The inside of a pb_linearisation. */
#ifndef PB_MAP_LINEARISATION_H
#define PB_MAP_LINEARISATION_H

#include "base/run.h"
#include "graph/executor.h"
#include "map/tap.h"

/* One of its operators, and their context. */
typedef struct pb_map_operator {
    struct pb_linearisation *l;
    bool bf16, chw;
    pb_operator op;
} pb_map_operator;

struct pb_linearisation {
    const pb_model *model;
    pb_run run;
    pb_executor *executor;
    const pb_section *section; /* of the executor */
    pb_tap_use to;
    pb_value x;                /* the network's input */
    bool from_x;               /* the affine part of `to` varies too */
    pb_map_operator ops[2][2]; /* [bf16][chw] */
    float *staging;            /* two blocks, in and out, of vectors in another order, or NULL */
};

/* Its Jacobian on vectors in H, W, C, as networks compute: what is found of it by rounded sums over
 * all entries depends on their order in the last digits, and nothing is rearranged. */
const pb_operator *pb_linearisation_engine(const pb_linearisation *linearisation, bool bf16);

/* Shape (C, H, W) of the image that it was made at. */
void pb_linearisation_image(const pb_linearisation *linearisation, size_t shape[3]);

#endif
