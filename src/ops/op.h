/* An operation is a small table of functions: its shape, and the triad forward, jvp, vjp.
 *
 *     forward   y  = f(x_0, x_1, …)                     for n points
 *     jvp       dy = sum_i  df/dx_i dx_i                 for n tangents at one point
 *     vjp       dx_i = (df/dx_i)^T dy                    for n cotangents at one point
 *
 * The point of a linearisation is fixed by a forward pass with n = 1 that fills `saved`; the
 * linear passes read nothing else of it. Tensors are N, H, W, C: item j of a value of shape s
 * begins at j * pb_shape_size(s). Buffers are 64-byte aligned and do not overlap, except where
 * `in_place` allows it.
 */
#ifndef PB_OPS_OP_H
#define PB_OPS_OP_H

#include <omp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/stop.h"

#define PB_OP_MAX_INPUTS 4

/* One item of a value. A vector has h = w = 1. */
typedef struct pb_shape {
    size_t h, w, c;
} pb_shape;

static inline size_t pb_shape_size(pb_shape s)
{
    return s.h * s.w * s.c;
}

static inline bool pb_shape_equal(pb_shape a, pb_shape b)
{
    return a.h == b.h && a.w == b.w && a.c == b.c;
}

typedef enum pb_pass { PB_FORWARD, PB_JVP, PB_VJP } pb_pass;

/* One use of an operation in a plan. */
typedef struct pb_call {
    const void *params;
    void *kernel;        /* what `prepare` made for this pass, or NULL */
    size_t n;            /* points, tangents or cotangents */
    size_t packed_limit; /* bytes of packed weights that the model may keep */
    int threads;         /* scratch is for so many: a parallel region that uses it asks for them */
    size_t inputs;
    pb_shape in[PB_OP_MAX_INPUTS];
    pb_shape out;
    bool dry;   /* `prepare` chooses how to compute, but makes nothing: only sizes are wanted */
    bool bf16;  /* jvp, vjp: products of numbers rounded to bfloat16, each within 2^-8 of itself,
                   and sums in float32: within 0.8 % of the sum of the products' magnitudes */
    bool exact; /* forward, n = 1: the point of a linearisation, as exactly as float32 holds it */
    bool active[PB_OP_MAX_INPUTS];    /* does the input vary? false: no tangent, no cotangent */
    bool shared[PB_OP_MAX_INPUTS];    /* forward: the input is one item for all n points */
    const float *x[PB_OP_MAX_INPUTS]; /* forward: inputs; jvp: tangents, NULL where inactive */
    float *y;                         /* forward: output; jvp: its tangent */
    const float *dy;                  /* vjp: cotangent of the output */
    float *dx[PB_OP_MAX_INPUTS];      /* vjp: cotangents of the inputs, NULL where inactive */
    bool add[PB_OP_MAX_INPUTS];       /* vjp: add to dx instead of overwriting it */
    float *saved;                     /* forward: NULL or to be filled; jvp, vjp: read only */
    float *work;                      /* scratch */
    const pb_stop *stop;              /* asked between parts of what may take long; or NULL */
} pb_call;

/* Is the rest of the call to be left out? *stopped, false at first, is its threads' in common: the
 * one that called the library asks, the others see what it was told. */
static inline bool pb_call_stopped(const pb_call *call, atomic_bool *stopped)
{
    if (omp_get_thread_num() == 0 && !atomic_load(stopped) &&
        pb_stop_check(call->stop, NULL) != PB_OK)
        atomic_store(stopped, true);
    return atomic_load(stopped);
}

/* What such a call returns. */
static inline pb_status pb_call_end(bool stopped, pb_error *error)
{
    return stopped ? pb_fail(error, PB_CANCELLED, "cancelled") : PB_OK;
}

typedef struct pb_op {
    const char *name;

    /* The first input (forward, jvp: into the output; vjp: the other way round) may share its
     * buffer with the output. */
    bool in_place;

    /* So many of the last inputs give only their shape: they are neither read nor differentiated,
     * and x and dx are NULL for them. */
    size_t unread;

    /* The output's shape for given input shapes, or PB_INVALID with the reason. */
    pb_status (*shape)(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error);

    /* What a benchmark tells of a call after `prepare`: the way it is computed ("winograd"), and
     * the multiplications and additions of the plain algorithm, those with padding left out. NULL:
     * only the name; 0. */
    const char *(*manner)(const pb_call *call);
    double (*flops)(const pb_call *call);

    /* Floats that a linearisation keeps. NULL: none. */
    size_t (*saved)(const pb_call *call);

    /* Bytes of scratch of a pass, after `prepare`. NULL: none. */
    size_t (*work)(const pb_call *call, pb_pass pass);

    /* Bytes of weights in a layout of their own that the call reads, after `prepare`. NULL: none.
     */
    size_t (*packed)(const pb_call *call);

    /* Makes call->kernel for the pass; `release` frees it. NULL: nothing to prepare. */
    pb_status (*prepare)(pb_call *call, pb_pass pass, pb_error *error);
    void (*release)(void *kernel);

    pb_status (*forward)(const pb_call *call, pb_error *error);
    pb_status (*jvp)(const pb_call *call, pb_error *error);
    pb_status (*vjp)(const pb_call *call, pb_error *error);

    /* Frees the parameters. NULL: pb_free. */
    void (*free)(void *params);
} pb_op;

#endif
