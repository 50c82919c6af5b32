/* Golden data and comparisons, for the tests that use a real network. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <pullback/pullback.h>

#include "io/weights.h"

#define GOLDEN PB_SOURCE_DIR "/tests/golden/"

/* Fails the test with the error's message unless the call succeeds. */
#define MUST(call)                                                                                 \
    do {                                                                                           \
        pb_error must_error_ = {0};                                                                \
        pb_error *const error = &must_error_;                                                      \
        if ((call) != PB_OK)                                                                       \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, error->message);                             \
    } while (0)

/* The tensor of that name, printf-style, as it was written; fails the test when it is missing.
 * The caller clears it. */
pb_tensor golden(const pb_weights *io, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The timestep "t", as whatever number it was written. */
double golden_timestep(const pb_weights *io);

/* The largest |a - b|, divided by the largest |b|. */
double relative_error(const float *a, const float *b, size_t count);

/* Fails the test if relative_error exceeds the tolerance or is not a number. */
void assert_near(const char *what, const float *found, const float *expected, size_t count,
                 double tolerance);

/* J v or J^T u of a linearisation for one vector. */
pb_tensor apply_to(const pb_linearisation *linearisation, bool transpose, const float *x);

#endif
