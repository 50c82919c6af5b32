/* Names by their endings. */
#ifndef PB_BASE_ENDING_H
#define PB_BASE_ENDING_H

#include <stdbool.h>
#include <string.h>

/* Has the name this ending (".npy"), and something before it? */
static inline bool pb_ends_with(const char *name, const char *ending)
{
    size_t n = strlen(name), k = strlen(ending);

    return n > k && !strcmp(name + n - k, ending);
}

#endif
