/* The inside of a pb_evaluator, for what evaluates by one. */
#ifndef PB_MAP_EVALUATOR_H
#define PB_MAP_EVALUATOR_H

#include <pullback/map.h>

#include "models/model.h"

/* The model, and floats of an image. */
const pb_model *pb_evaluator_model(const pb_evaluator *evaluator);
size_t pb_evaluator_image(const pb_evaluator *evaluator);

/* pb_evaluate under another run; the memory is the evaluator's. */
pb_status pb_evaluate_under(pb_evaluator *evaluator, const pb_run *run,
                            const pb_condition *condition, size_t n, size_t size, const float *x,
                            size_t count, const char *const *taps, float *const *out,
                            pb_error *error);

#endif
