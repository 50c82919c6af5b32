/* Public functions called with every combination of right and wrong arguments.
 *
 * A function's arguments are axes, each with some variants, of which 0 is right. calls_next goes
 * through all combinations of at most `most` variants other than 0 at once. The test makes the
 * arguments, says by the header's words whether the call is right, and calls_judge compares: a
 * right call succeeds, any other one is PB_INVALID with a message. What a call gets is allocated to
 * the byte, as large as it is said to be, so that AddressSanitizer sees an entry too many.
 *
 *     calls c = CALLS("pb_space_new", 4, 2, LENGTHS, LENGTHS, 2);
 *     while (calls_next(&c)) { … calls_length(12, c.at[1]) … calls_judge(&c, status, &e, right) }
 *     calls_end(&c);
 */
#ifndef CALLS_H
#define CALLS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pullback/pullback.h>

#define CALLS_AXES 14
#define CALLS_OWNED 64

typedef struct calls {
    const char *function;
    size_t most, axes;
    size_t count[CALLS_AXES]; /* variants of each axis */
    size_t at[CALLS_AXES];    /* the one of this call */
    size_t wrong;             /* axes that are not at 0 */
    bool begun;
    size_t right, refused; /* calls so far */
    void *owned[CALLS_OWNED];
    size_t owned_count;
} calls;

#define CALLS(name, most_wrong, ...)                                                               \
    ((calls){.function = name,                                                                     \
             .most = most_wrong,                                                                   \
             .axes = sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t),                             \
             .count = {__VA_ARGS__}})

/* To the next combination; frees what the last one got. */
bool calls_next(calls *c);

/* What a call should return. MEMORY: PB_INVALID or PB_MEMORY, of sizes that the header lets fail
 * either way. */
typedef enum verdict { WRONG, RIGHT, MEMORY } verdict;

/* Fails the test with the function and the variants unless it returned that; error: as the call
 * left it, from {0}. True: it succeeded. */
bool calls_judge(calls *c, pb_status status, const pb_error *error, verdict expected);

/* Fails the test with the function and the variants unless it holds. */
void calls_hold(const calls *c, bool holds, const char *what);

/* Frees, and fails the test unless there were right calls and refused ones. */
void calls_end(calls *c);

/* -- arguments; what they hold lives until the next combination ------------------------------- */

/* bytes of zeros; of more than can be, one byte. */
void *calls_bytes(calls *c, size_t count, size_t size);

/* count numbers from the normal distribution; of more than can be, one. */
float *calls_floats(calls *c, size_t count, unsigned seed);

/* right, 0, one less, one more, 2^61 - 1 */
#define LENGTHS 5
size_t calls_length(size_t right, size_t variant);

/* right, NaN, infinity, 0, -right */
#define NUMBERS 5
double calls_number(double right, size_t variant);

/* right, NULL, "", unknown */
#define STRINGS 4
const char *calls_string(const char *right, size_t variant);

/* A pointer, or NULL. */
#define POINTERS 2
static inline void *calls_pointer(void *right, size_t variant)
{
    return variant ? NULL : right;
}

/* Of this rank, at most 4: right, each extent one more, one less, 0; a dimension of 1 more in
 * front; of 2 more in front; without its first; of rank 0; without data; NULL; of rank 99; with a
 * first extent of 2^61 - 1. */
#define TENSORS(rank) (3 * (size_t)(rank) + 9)

typedef struct calls_tensor {
    pb_tensor tensor;
    bool null;
} calls_tensor;

calls_tensor calls_tensor_of(calls *c, size_t rank, const size_t *shape, unsigned seed,
                             size_t variant);

static inline const pb_tensor *calls_tensor_at(const calls_tensor *t)
{
    return t->null ? NULL : &t->tensor;
}

/* Is it a tensor of this rank and shape? An extent of 0 may be any but 0 (and what cannot be). */
bool calls_is(const calls_tensor *t, size_t rank, const size_t *shape);

/* -- operators -------------------------------------------------------------------------------- */

/* A random rows x cols matrix: right, NULL, no rows, no columns, a row more, a column more, 2^61 -
 * 1 rows, without apply, without apply_transpose. The dense operator of dense.h behind it. */
#define OPERATORS 9
typedef struct calls_operator {
    pb_operator op;
    bool null;
} calls_operator;

calls_operator calls_operator_of(calls *c, size_t rows, size_t cols, size_t variant);

static inline const pb_operator *calls_operator_at(const calls_operator *o)
{
    return o->null ? NULL : &o->op;
}

/* Can it be applied? */
bool calls_applies(const calls_operator *o);

#endif
