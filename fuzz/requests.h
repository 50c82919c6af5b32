/* Random requests to the explorer, made by the description of its API. */
#ifndef FUZZ_REQUESTS_H
#define FUZZ_REQUESTS_H

#include <stdbool.h>

#include "explorer.h"

/* How a request is sent, and what may be expected of it. */
typedef enum how {
    WHOLE,      /* a proper one: its status is described */
    ODD,        /* something is wrong with how it is written: any 4xx, or none */
    CUT,        /* a part of it, and then closed */
    HALF_CLOSED /* a part of it, and no more will come */
} how;

typedef struct request {
    unsigned char *bytes;
    size_t size;
    char what[200]; /* "post /api/tabs/{tab}/find, 17 bytes" */
    how how;
    bool allowed;          /* it has the token, and comes from where it may */
    double patience;       /* seconds; 0: as long as need be */
    const void *operation; /* of the description, or NULL: of what it does not have */
} request;

void request_clear(request *r);

/* What all threads know: the description, pictures, and numbers of tabs, jobs and files. NULL: the
 * server does not answer. */
typedef struct requests_shared requests_shared;
requests_shared *requests_begin(const explorer *e);
void requests_end(requests_shared *shared);

/* A thread's. */
typedef struct requests requests;
requests *requests_new(requests_shared *shared, unsigned long seed);
void requests_free(requests *made);

void requests_next(requests *made, const explorer *e, request *r);
bool requests_described(const requests *made, const request *r, int status);
/* Takes numbers from an answer. */
void requests_learn(requests *made, const request *q, const reply *r);
/* Of a job's. */
void requests_ended(requests *made, const reply *r);
/* What was learned, on standard output. */
void requests_tell(const requests *made);

#endif
