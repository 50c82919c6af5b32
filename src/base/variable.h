/* Variables of the environment. */
#ifndef PB_BASE_VARIABLE_H
#define PB_BASE_VARIABLE_H

#include <stdlib.h>

/* What one says; NULL where it is not set, or empty. */
static inline const char *pb_variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

#endif
