/* The oracle: every operation by its definition, in double precision, in plain loops. It keeps
 * nothing of the weights, and of a point only what the operations read there. For whom doubts a
 * number; many times slower than any other backend. */
#ifndef PB_REFERENCE_REFERENCE_H
#define PB_REFERENCE_REFERENCE_H

#include "backends/backend.h"

extern const pb_backend pb_reference_backend;

#endif
