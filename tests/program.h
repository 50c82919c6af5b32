/* Runs the program itself. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <jansson.h>

typedef struct outcome {
    int status;        /* exit status; 128 and more: killed by a signal */
    char out[65536];   /* the beginning of its standard output */
    char error[16384]; /* and of its standard error */
} outcome;

/* Runs build/pullback with a command line (split at spaces; no quoting). The folder is the
 * working directory. The outcome is overwritten by the next call. */
const outcome *program(const char *folder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same with words as they are; NULL ends them. */
const outcome *program_of(const char *folder, const char *const *words);

/* Ends the test unless the status is this one and the message (or NULL) is part of the error. */
void expect(const outcome *o, int status, const char *message);

/* The only object on standard output; the caller's. Ends the test where there is none. */
json_t *object_of(const outcome *o);

#endif
