/* An operation on one item: what each file here defines, in three functions. */
#ifndef PB_REFERENCE_ITEM_H
#define PB_REFERENCE_ITEM_H

#include "backends/backend.h"
#include "ops/ops.h"

typedef struct pb_reference_item {
    const void *params;
    const pb_shape *in;
    pb_shape out;
    size_t inputs;
    const float *weight[2];             /* as stored; NULL: none */
    const double *at[PB_OP_MAX_INPUTS]; /* the inputs, at the point of a linearisation */
    const double *x[PB_OP_MAX_INPUTS];  /* jvp: the tangents; NULL: one that does not vary */
    double *y;                          /* forward, jvp: the output */
    const double *dy;                   /* vjp */
    double *dx[PB_OP_MAX_INPUTS];       /* vjp: to be added to; NULL: none is wanted */
} pb_reference_item;

typedef struct pb_reference_op {
    bool linear; /* its derivative is the same everywhere: `at` is NULL in jvp and vjp */

    /* Its weights, NULL where it has none. */
    void (*weights)(const void *params, const pb_stored *weights[2]);

    pb_status (*forward)(const pb_reference_item *item, pb_error *error); /* reads `at` */
    void (*jvp)(const pb_reference_item *item);
    void (*vjp)(const pb_reference_item *item);
} pb_reference_op;

/* act(x), and act'(x). */
double pb_reference_activation(pb_activation kind, double x, double *slope);

/* A kernel: every item of a call, one after the other. */
size_t pb_reference_saved(const pb_call *call);
pb_status pb_reference_each(const pb_reference_op *op, pb_pass pass, const pb_call *call,
                            pb_error *error);

/* The kernel pb_reference_NAME of the operation `NAME`, a pb_reference_op of the file. SAVED:
 * pb_reference_saved, or NULL where it is linear. */
#define PB_REFERENCE_FORWARD(NAME)                                                                 \
    static pb_status NAME##_forward(const pb_call *call, pb_error *error)                          \
    {                                                                                              \
        return pb_reference_each(&NAME, PB_FORWARD, call, error);                                  \
    }
#define PB_REFERENCE_KERNEL(NAME, SAVED)                                                           \
    PB_REFERENCE_FORWARD(NAME)                                                                     \
    static pb_status NAME##_jvp(const pb_call *call, pb_error *error)                              \
    {                                                                                              \
        return pb_reference_each(&NAME, PB_JVP, call, error);                                      \
    }                                                                                              \
    static pb_status NAME##_vjp(const pb_call *call, pb_error *error)                              \
    {                                                                                              \
        return pb_reference_each(&NAME, PB_VJP, call, error);                                      \
    }                                                                                              \
    const pb_kernel pb_reference_##NAME = {                                                        \
        .saved = SAVED, .forward = NAME##_forward, .jvp = NAME##_jvp, .vjp = NAME##_vjp}

extern const pb_kernel pb_reference_activate, pb_reference_add, pb_reference_add_table,
    pb_reference_add_vector, pb_reference_affine, pb_reference_attention, pb_reference_avg_pool,
    pb_reference_concat, pb_reference_conv2d, pb_reference_gate, pb_reference_group_norm,
    pb_reference_layer_norm, pb_reference_lookup, pb_reference_slice, pb_reference_time_embedding,
    pb_reference_upsample;

#endif
