/* What a network reads at a point under a condition, input by input. */
#ifndef PB_MAP_INPUTS_H
#define PB_MAP_INPUTS_H

#include <pullback/map.h>

#include "graph/executor.h"
#include "models/model.h"

/* Checks a condition against the model: time and class; and its tensors, each of which must be an
 * input of the network and have its shape. left_out: tensors may be missing. Errors: PB_INVALID. */
pb_status pb_condition_check(const pb_model *model, const pb_condition *condition, pb_error *error);
pb_status pb_condition_check_tensors(const pb_model *model, const pb_condition *condition,
                                     bool left_out, pb_error *error);

/* Shapes of the graph's inputs, and what an executor is fed. The feeds point into the struct, the
 * condition and x. */
typedef struct pb_inputs {
    float time, label;
    pb_shape shapes[PB_GRAPH_INPUTS];
    pb_feed feeds[PB_GRAPH_INPUTS];
} pb_inputs;

/* x: images (c,height,width), or NULL where only shapes are wanted. The condition has been checked;
 * what it leaves out has its nominal shape. Errors: PB_INVALID (a size the network does not take).
 */
pb_status pb_inputs_fill(pb_inputs *inputs, const pb_model *model, const pb_condition *condition,
                         size_t height, size_t width, const float *x, pb_error *error);

#endif
