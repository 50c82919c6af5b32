/* Runs the program itself. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <jansson.h>
#include <sys/types.h>

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

/* Starts it with a command line and leaves it alone: its standard error goes to a file of the
 * folder.
 */
pid_t program_start(const char *folder, const char *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Waits for its end; the status of waitpid. */
int program_wait(pid_t child);

/* Ends the test unless the status is this one and the message (or NULL) is part of the error. */
void expect(const outcome *o, int status, const char *message);

/* The only object on standard output; the caller's. Ends the test where there is none. */
json_t *object_of(const outcome *o);

#endif
