/* Tests every operation the same way: its forward pass against a reference in double precision,
 * its jvp against central differences of that reference, and its vjp against the jvp by
 * <J v, u> = <v, J^T u>; for all ways in which its inputs can vary or stay, for several tangents at
 * once, and adding to any of what is already there. Inputs that the operation does not read are
 * NULL.
 *
 * An operation that may work in place does so in every one of these passes, and gives the same
 * numbers. At the point of a linearisation it gives what `exact` promises. In bfloat16 its jvp is
 * the one of its reference on rounded numbers, and its vjp that one's transpose; an operation that
 * rounds nothing gives the same numbers. What is to be written holds NaNs before.
 *
 * Everything goes through a backend's seam: numbers up, a program of one step, numbers down. */
#ifndef OP_HARNESS_H
#define OP_HARNESS_H

#include "backends/backend.h"
#include "ops/ops.h"

/* The operation on one item, in double precision. */
typedef void (*op_reference)(const void *data, const pb_shape *in, pb_shape out,
                             const double *const *x, double *y);

typedef struct op_case {
    const char *name;
    const pb_op *op;
    const void *params;
    pb_device *device; /* NULL: one of each backend */
    size_t inputs;
    pb_shape in[PB_OP_MAX_INPUTS];
    bool constant[PB_OP_MAX_INPUTS]; /* an input that never varies */
    op_reference reference;
    const void *data; /* for the references */
    double scale;     /* of the random inputs; 0: 1 */
    bool exact;       /* with call.exact, forward gives the reference's numbers, rounded once */
    /* An operation that computes in bfloat16: itself with its own numbers rounded to that, and the
     * sums of the magnitudes of the products that it adds, of which its error in bfloat16 is a
     * share (backends/backend.h). NULL: it computes in float32 always. */
    op_reference rounded, magnitudes;
} op_case;

/* On every backend that has it, on "cpu" and "reference" in any case. */
void check_op(const op_case *c);

/* The same on the backend of that name. */
void check_op_on(const op_case *c, const char *backend);

/* The value of one item of each input, on the backend "cpu". */
pb_status forward_op(const op_case *c, const float *const *x, float *y, pb_error *error);

/* The linear passes in bfloat16, of an operation that has them; on the backend "cpu". */
void check_op_bfloat(const op_case *c);

/* x as bfloat16 holds it: to nearest, ties to even. */
double bfloat_of(double x);

/* The inner product, in double precision. */
double inner(const float *a, const float *b, size_t count);

/* count numbers from the normal distribution, the same for the same seed. */
void fill_random(float *x, size_t count, unsigned seed);

#endif
