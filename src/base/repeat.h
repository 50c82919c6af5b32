/* Measuring what can be done again and again. */
#ifndef PB_BASE_REPEAT_H
#define PB_BASE_REPEAT_H

#include <stddef.h>

#include "base/error.h"

/* Runs something again and again for about `budget` seconds, at least three times after one run
 * that does not count; the median seconds of a run. Errors: those of the run. */
typedef pb_status (*pb_repeated)(void *context, pb_error *error);
pb_status pb_repeat(double *seconds, pb_repeated run, void *context, double budget,
                    pb_error *error);

/* Fills count numbers between -1 and 1, for it to work on. */
void pb_repeat_fill(size_t count, float *x);

#endif
