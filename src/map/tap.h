/* Taps by name: a value of the graph, or an affine function of the input and the output. */
#ifndef PB_MAP_TAP_H
#define PB_MAP_TAP_H

#include <pullback/map.h>

#include "models/model.h"

/* A tap's tensor is a x + b y, with x the network's input and y the graph's value. */
typedef struct pb_tap_use {
    pb_value value;
    bool affine; /* false: a = 0, b = 1 */
    float a, b;
} pb_tap_use;

/* A tap, or an input of the network. Errors: PB_INVALID (no such tap: the message lists them). */
pb_status pb_tap_find(pb_tap_use *use, const pb_model *model, const char *name, double timestep,
                      pb_error *error);

/* y <- a x + b y for count entries; does nothing where the tap is not affine. */
void pb_tap_apply(const pb_tap_use *use, size_t count, const float *x, float *y);

#endif
