/* Hands bytes to a function that reads a file. */
#ifndef FUZZ_FEED_H
#define FUZZ_FEED_H

#include <stddef.h>
#include <stdint.h>

#include "io/weights.h"

/* The path of a regular file, in memory, that holds these bytes until the next call. */
const char *feed(const uint8_t *data, size_t size);

/* Ends the process unless a claim holds, also where assert is compiled away. */
#define HOLD(claim)                                                                                \
    do {                                                                                           \
        if (!(claim))                                                                              \
            broken(#claim, __FILE__, __LINE__);                                                    \
    } while (0)

_Noreturn void broken(const char *claim, const char *file, int line);

/* Are the tensors in order, each one found by its name and as large as its shape says, with no more
 * than so many bytes together? Reads those of numbers that have at most so many entries. */
void hold_weights(const pb_weights *weights, size_t most_bytes, size_t most_entries);

/* What every target is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
