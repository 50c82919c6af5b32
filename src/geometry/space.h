/* What the functions of spaces share. */
#ifndef PB_GEOMETRY_SPACE_H
#define PB_GEOMETRY_SPACE_H

#include <pullback/space.h>

#include "base/error.h"

/* Is it a space of some vectors? Errors: PB_INVALID. */
pb_status pb_space_check(const pb_space *space, pb_error *error);

#endif
