/* Tests every operation the same way: its forward pass against a reference in double precision,
 * its jvp against central differences of that reference, and its vjp against the jvp by
 * <J v, u> = <v, J^T u>; for all ways in which its inputs can vary or stay, for several tangents at
 * once, and adding to what is already there. Inputs that the operation does not read are NULL. */
#ifndef OP_HARNESS_H
#define OP_HARNESS_H

#include "ops/ops.h"

/* The operation on one item, in double precision. */
typedef void (*op_reference)(const void *data, const pb_shape *in, pb_shape out,
                             const double *const *x, double *y);

typedef struct op_case {
    const char *name;
    const pb_op *op;
    void *params; /* the harness frees them */
    size_t inputs;
    pb_shape in[PB_OP_MAX_INPUTS];
    bool constant[PB_OP_MAX_INPUTS]; /* an input that never varies */
    op_reference reference;
    const void *data; /* for the reference */
    double scale;     /* of the random inputs; 0: 1 */
} op_case;

void check_op(const op_case *c);

/* The inner product, in double precision. */
double inner(const float *a, const float *b, size_t count);

/* count numbers from the normal distribution, the same for the same seed. */
void fill_random(float *x, size_t count, unsigned seed);

#endif
