/* A backend: how operations are computed, and where. It is given whole passes to run (pb_program),
 * so that one which works step by step (backends/steps.h) and one that queues everything on a
 * device look the same from outside. What a linearisation saves, how weights are laid out and which
 * operations work in place is its own business, asked of it and never guessed.
 *
 * Numbers cross between the host (floats) and a backend's memory only by `upload` and `download`.
 * Within, every number takes `number` bytes, and an item of a value of shape s its pb_shape_size(s)
 * numbers, N, H, W, C. */
#ifndef PB_BACKENDS_BACKEND_H
#define PB_BACKENDS_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "ops/op.h"

/* One opened: a model's. It holds the model's weights as its kernels read them. May be shared by
 * threads. A backend's own struct begins with it. */
typedef struct pb_device {
    const struct pb_backend *backend;
} pb_device;

/* A block of a backend's memory. */
typedef struct pb_memory pb_memory;

typedef enum pb_pass { PB_FORWARD, PB_JVP, PB_VJP } pb_pass;

/* One use of an operation in a pass:
 *
 *     forward   y  = f(x_0, x_1, …)                     for n points
 *     jvp       dy = sum_i  df/dx_i dx_i                 for n tangents at one point
 *     vjp       dx_i = (df/dx_i)^T dy                    for n cotangents at one point
 *
 * The point of a linearisation is fixed by a forward pass with n = 1 that fills `saved`; the
 * linear passes read nothing else of it. Buffers are 64-byte aligned and do not overlap, except
 * where `in_place` allows it; they are addresses that the kernels of the backend can use, and given
 * to those only. */
typedef struct pb_call {
    const void *params;
    pb_device *device;
    void *kernel; /* what `prepare` made for this pass, or NULL */
    size_t n;     /* points, tangents or cotangents */
    bool packs;   /* there is room for weights in the layouts of `reserved` */
    size_t spare; /* bytes that the model's weights in all other layouts may take */
    int threads;  /* scratch is for so many: a parallel region that uses it asks for them */
    size_t inputs;
    pb_shape in[PB_OP_MAX_INPUTS];
    pb_shape out;
    bool dry;   /* `prepare` chooses how to compute, but makes nothing: only sizes are wanted */
    bool bf16;  /* jvp, vjp: products of numbers rounded to bfloat16, each within 2^-8 of itself,
                   and sums in float32: within 0.8 % of the sum of the products' magnitudes */
    bool exact; /* forward, n = 1: the point of a linearisation, as exactly as float32 holds it */
    bool active[PB_OP_MAX_INPUTS];   /* does the input vary? false: no tangent, no cotangent */
    bool shared[PB_OP_MAX_INPUTS];   /* forward: the input is one item for all n points */
    bool add[PB_OP_MAX_INPUTS];      /* vjp: add to dx instead of overwriting it */
    const void *x[PB_OP_MAX_INPUTS]; /* forward: inputs; jvp: tangents, NULL where inactive */
    void *y;                         /* forward: output; jvp: its tangent */
    const void *dy;                  /* vjp: cotangent of the output */
    void *dx[PB_OP_MAX_INPUTS];      /* vjp: cotangents of the inputs, NULL where inactive */
    void *saved;                     /* forward: NULL or to be filled; jvp, vjp: read only */
    void *work;                      /* scratch */
    const pb_stop *stop;             /* asked between parts of what may take long; or NULL */
} pb_call;

/* How a backend computes one operation. */
typedef struct pb_kernel {
    /* The first input (forward, jvp: into the output; vjp: the other way round) may share its
     * buffer with the output. */
    bool in_place;

    /* Can it compute this call? NULL: every one. */
    bool (*supports)(const pb_call *call);

    /* What a benchmark tells of a call after `prepare`: the way it is computed ("winograd"), and
     * the multiplications and additions of the plain algorithm, those with padding left out. NULL:
     * only the name; 0. */
    const char *(*manner)(const pb_call *call);
    double (*flops)(const pb_call *call);

    /* Numbers that a linearisation keeps. NULL: none. */
    size_t (*saved)(const pb_call *call);

    /* Bytes of scratch of a pass, after `prepare`. NULL: none. */
    size_t (*work)(const pb_call *call, pb_pass pass);

    /* Bytes of weights in layouts that an operation of these parameters is computed with only where
     * there is room for them, so that numbers depend on it in their last bits: the most that it may
     * keep, whatever its shapes and passes. Room is given in the order of the graph. NULL: none. */
    size_t (*reserved)(const pb_device *device, const void *params);

    /* Bytes of weights in all layouts that linear passes of 1 … n vectors read, at most, without
     * `prepare`. NULL: none. */
    size_t (*packed)(const pb_call *call);

    /* Makes call->kernel for the pass; `release` frees it. NULL: nothing to prepare. */
    pb_status (*prepare)(pb_call *call, pb_pass pass, pb_error *error);
    void (*release)(void *kernel);

    /* For a backend that runs step by step. jvp, vjp NULL: what it reads may not vary. */
    pb_status (*forward)(const pb_call *call, pb_error *error);
    pb_status (*jvp)(const pb_call *call, pb_error *error);
    pb_status (*vjp)(const pb_call *call, pb_error *error);
} pb_kernel;

/* -- programs -----------------------------------------------------------------------------------*/

/* No place: a buffer that is not there. */
#define PB_NOWHERE SIZE_MAX

/* One step of a pass. Places are bytes from the beginning of the arena. */
typedef struct pb_step {
    const pb_op *op;
    const pb_kernel *kernel;
    const char *label;               /* for messages: the layer's name */
    pb_call call;                    /* without its buffers */
    size_t inputs[PB_OP_MAX_INPUTS]; /* forward, jvp: x; vjp: dx */
    size_t output;                   /* y; dy */
    size_t work;
    size_t saved; /* from the beginning of the saved state */
} pb_step;

/* A pass, its steps in the order they are to be run. */
typedef struct pb_program {
    pb_pass pass;
    size_t count;
    pb_step *steps;
    double *seconds; /* NULL, or to each step's the seconds it takes are added */
} pb_program;

/* -- backends -----------------------------------------------------------------------------------*/

typedef struct pb_backend {
    const char *name;
    size_t number;                         /* bytes of a number */
    const pb_kernel *kernels[PB_OP_KINDS]; /* NULL: an operation that it does not compute */

    /* Errors: PB_MEMORY, PB_INTERNAL. */
    pb_status (*open)(pb_device **device, pb_error *error);
    void (*close)(pb_device *device);

    /* NULL where there is no memory; 0 bytes are some. */
    pb_memory *(*alloc)(pb_device *device, size_t bytes);
    void (*free)(pb_device *device, pb_memory *memory);

    /* `count` numbers to and from `offset` bytes behind the beginning of a block. What is uploaded
     * stays where it is until the next `sync`; what is downloaded is there on return. */
    pb_status (*upload)(pb_device *device, pb_memory *memory, size_t offset, const float *from,
                        size_t count, pb_error *error);
    pb_status (*download)(pb_device *device, float *to, const pb_memory *memory, size_t offset,
                          size_t count, pb_error *error);

    /* Runs a program. It may return before all is done, also where it fails; `sync` waits until it
     * is, and is called before memory that the program uses goes to anything else. Before each
     * step, or as often as it can, `stop` is asked (NULL: never). Errors: PB_CANCELLED,
     * PB_INTERNAL, an operation's. */
    pb_status (*run)(pb_device *device, const pb_program *program, pb_memory *arena,
                     pb_memory *saved, const pb_stop *stop, pb_error *error);
    pb_status (*sync)(pb_device *device, pb_error *error);

    /* Bytes of all weights in the layouts that the kernels read. */
    size_t (*packed_bytes)(pb_device *device);

    /* Does it multiply bfloat16 numbers faster than it would float32? NULL: no. */
    bool (*native_bf16)(void);

    /* Takes the choice of algorithms from a table of costs that was measured. NULL: it has no
     * choice. Errors: PB_IO, PB_FORMAT, PB_MEMORY. */
    pb_status (*read_costs)(pb_device *device, const char *path, pb_error *error);
} pb_backend;

/* The backend of that name; NULL: "cpu". Errors: PB_INVALID (there is none; the message lists
 * them). */
pb_status pb_backend_find(const pb_backend **out, const char *name, pb_error *error);

/* The name of number i; NULL past the last. */
const char *pb_backend_name(size_t i);

void pb_device_close(pb_device *device);

/* The kernel for an operation. Errors: PB_UNSUPPORTED. */
pb_status pb_device_kernel(const pb_kernel **out, const pb_device *device, const pb_op *op,
                           pb_error *error);

#endif
