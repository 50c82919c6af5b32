/* What the words of the helps mean. */
#ifndef PB_TERMINAL_TERMS_H
#define PB_TERMINAL_TERMS_H

#include <stddef.h>

typedef struct pb_term {
    const char *name;    /* "boost" */
    const char *meaning; /* in plain words, one paragraph */
} pb_term;

/* Number i, in an order in which they can be read; NULL past the last. */
const pb_term *pb_term_at(size_t i);

#endif
