/* The explorer as a process, and requests to it, for tests and tools: nothing here ends the test.
 */
#ifndef EXPLORER_H
#define EXPLORER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct explorer {
    pid_t pid;
    unsigned port;
    char token[64];
    char log[64]; /* the path of what it says */
} explorer;

/* Starts a program's explorer on faces32, and waits until it is there; false: it does not start. */
bool explorer_begin(explorer *e, const char *program);
/* Has it end, as by Ctrl-C; its status as waitpid has it. What it said is written to standard error
 * unless that is 0. */
int explorer_end(explorer *e);
/* Is it still there? */
bool explorer_lives(const explorer *e);
/* A line of /proc/PID/status in KiB ("VmRSS", "VmHWM"); 0: none. */
long explorer_memory(const explorer *e, const char *what);

/* What a request was answered. */
typedef struct reply {
    int status;  /* of HTTP; 0: closed without one; -1: no connection; -2: no answer in time */
    char *bytes; /* headers and all, followed by a NUL: free; never NULL */
    size_t size;
    const char *body; /* in bytes */
} reply;

/* Sends bytes on a connection of its own, and reads until the server closes it, the body is there,
 * or so many seconds have passed since the last byte. */
reply explorer_send(const explorer *e, const void *bytes, size_t size, double seconds);
void reply_clear(reply *r);

/* A proper request with the token; type: of the body, or NULL. */
reply explorer_ask(const explorer *e, const char *method, const char *path, const char *type,
                   const void *body, size_t size);

/* The parts of that: a socket, or -1; a head, snprintf's result. */
int explorer_connect(const explorer *e);
int explorer_head(const explorer *e, char *into, size_t room, const char *method, const char *path,
                  const char *type, size_t size);

/* A file's bytes (free), or NULL. */
unsigned char *read_all(const char *path, size_t *size);

#endif
