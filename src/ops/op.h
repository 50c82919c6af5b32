/* An operation, described: what it is called, what shape it gives, with what parameters. How it and
 * its derivatives are computed is a backend's matter (backends/backend.h), by the equations of
 * ops.h:
 *
 *     forward   y  = f(x_0, x_1, …)
 *     jvp       dy = sum_i  df/dx_i dx_i
 *     vjp       dx_i = (df/dx_i)^T dy
 */
#ifndef PB_OPS_OP_H
#define PB_OPS_OP_H

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

/* What a backend finds its kernels by. */
typedef enum pb_op_kind {
    PB_OP_ACTIVATE,
    PB_OP_ADD,
    PB_OP_ADD_TABLE,
    PB_OP_ADD_VECTOR,
    PB_OP_AFFINE,
    PB_OP_ATTENTION,
    PB_OP_AVG_POOL,
    PB_OP_CONCAT,
    PB_OP_CONV2D,
    PB_OP_GATE,
    PB_OP_GROUP_NORM,
    PB_OP_LAYER_NORM,
    PB_OP_LOOKUP,
    PB_OP_SLICE,
    PB_OP_TIME_EMBEDDING,
    PB_OP_UPSAMPLE,
    PB_OP_UPSAMPLE_TO,
    PB_OP_KINDS
} pb_op_kind;

typedef struct pb_op {
    pb_op_kind kind;
    const char *name;

    /* Bytes of its parameters: a plain struct of ops.h, which is copied. 0: it has none. */
    size_t params_size;

    /* So many of the last inputs give only their shape: they are neither read nor differentiated.
     */
    size_t unread;

    /* The output's shape for given input shapes, or PB_INVALID with the reason. */
    pb_status (*shape)(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error);
} pb_op;

#endif
