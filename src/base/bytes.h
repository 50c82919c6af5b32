/* Numbers as files hold them. */
#ifndef PB_BASE_BYTES_H
#define PB_BASE_BYTES_H

#include <stddef.h>

/* The number of up to eight bytes, the highest one first. */
static inline size_t pb_big_endian(const unsigned char *at, size_t bytes)
{
    size_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

#endif
