/* Golden data and comparisons, for the tests that use a real network. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <jansson.h>
#include <stdbool.h>

#include <pullback/pullback.h>

#include "io/weights.h"
#include "must.h"
#include "near.h"

#define GOLDEN PB_SOURCE_DIR "/tests/golden/"

/* The tensor of that name, printf-style, as it was written; fails the test when it is missing.
 * The caller clears it. */
pb_tensor golden(const pb_weights *io, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A JSON file of the golden data, by its path there, printf-style; json_decref. */
json_t *golden_json(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The timestep "t", as whatever number it was written. */
double golden_timestep(const pb_weights *io);

/* Fails the test if relative_error exceeds the tolerance or is not a number. */
void assert_near(const char *what, const float *found, const float *expected, size_t count,
                 double tolerance);

/* J v or J^T u of a linearisation for one vector. */
pb_tensor apply_to(const pb_linearisation *linearisation, bool transpose, const float *x);

#endif
