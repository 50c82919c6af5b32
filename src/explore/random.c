#include "explore/random.h"

#include <glib.h>
#include <stdint.h>
#include <sys/random.h>

unsigned long pb_random_id(void)
{
    uint64_t number;

    do {
        /* So few bytes are given at once, or never. */
        if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
            g_error("the system has no random numbers");
        number &= ((uint64_t)1 << 53) - 1;
    } while (!number);
    return (unsigned long)number;
}
