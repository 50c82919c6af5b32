#include "calls.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dense.h"
#include "op_harness.h"

#define LARGE ((size_t)1 << 24) /* entries that an array of a test can have */

static void release(calls *c)
{
    for (size_t i = 0; i < c->owned_count; i++)
        free(c->owned[i]);
    c->owned_count = 0;
}

bool calls_next(calls *c)
{
    release(c);
    if (!c->begun)
        return c->begun = true;
    for (size_t i = c->axes; i-- > 0;) {
        bool wrong = c->at[i] != 0;
        if (c->at[i] + 1 < c->count[i] && (wrong || c->wrong < c->most)) {
            c->at[i]++;
            c->wrong += !wrong;
            return true;
        }
        c->at[i] = 0;
        c->wrong -= wrong;
    }
    return false;
}

/* "pb_space_new, variants 0 3 0" */
static const char *name(const calls *c)
{
    static char text[200];
    int n = snprintf(text, sizeof text, "%s, variants", c->function);

    for (size_t i = 0; i < c->axes; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, " %zu", c->at[i]);
    return text;
}

/* CALLS_TALK=1 lists what is not as expected, and goes on. */
static void complain(const calls *c, const char *what, const char *message)
{
    if (getenv("CALLS_TALK"))
        print_message("%s: %s: %s\n", name(c), what, message);
    else
        fail_msg("%s: %s: %s", name(c), what, message);
}

bool calls_judge(calls *c, pb_status status, const pb_error *error, verdict expected)
{
    bool refused = status == PB_INVALID || (expected == MEMORY && status == PB_MEMORY);

    if (expected == RIGHT && (status != PB_OK || error->status != PB_OK || *error->message))
        complain(c, "is right, and failed", error->message);
    if (expected != RIGHT && !refused)
        complain(c, status == PB_OK ? "is wrong, and succeeded" : "is wrong, and otherwise failed",
                 error->message);
    if (status != PB_OK &&
        (error->status != status || !*error->message || strchr(error->message, '\n')))
        complain(c, "says nothing", error->message);
    c->right += status == PB_OK;
    c->refused += status != PB_OK;
    return status == PB_OK;
}

void calls_hold(const calls *c, bool holds, const char *what)
{
    if (!holds)
        complain(c, "does not hold", what);
}

void calls_end(calls *c)
{
    release(c);
    print_message("%s: %zu right calls, %zu refused\n", c->function, c->right, c->refused);
    assert_true(c->right > 0 && c->refused > 0);
}

/* -- arguments -------------------------------------------------------------------------------- */

void *calls_bytes(calls *c, size_t count, size_t size)
{
    void *bytes = count < LARGE ? malloc(count * size) : malloc(1);

    assert_true(bytes && c->owned_count < CALLS_OWNED);
    memset(bytes, 0, count < LARGE ? count * size : 1);
    return c->owned[c->owned_count++] = bytes;
}

float *calls_floats(calls *c, size_t count, unsigned seed)
{
    float *x = calls_bytes(c, count < LARGE ? count : 1, sizeof *x);

    fill_random(x, count < LARGE ? count : 1, seed);
    return x;
}

size_t calls_length(size_t right, size_t variant)
{
    const size_t all[LENGTHS] = {right, 0, right - 1, right + 1, SIZE_MAX / 8};

    return all[variant];
}

double calls_number(double right, size_t variant)
{
    const double all[NUMBERS] = {right, NAN, INFINITY, 0, -right};

    return all[variant];
}

const char *calls_string(const char *right, size_t variant)
{
    const char *const all[STRINGS] = {right, NULL, "", "unknown"};

    return all[variant];
}

/* The product of the extents, at most LARGE; the rank is at most PB_MAX_RANK. */
static size_t entries(const pb_tensor *t)
{
    size_t count = 1;

    for (size_t i = 0; i < t->rank; i++) {
        if (t->shape[i] >= LARGE)
            return LARGE;
        count *= t->shape[i];
    }
    return count;
}

calls_tensor calls_tensor_of(calls *c, size_t rank, const size_t *shape, unsigned seed,
                             size_t variant)
{
    calls_tensor t = {.tensor.rank = rank};
    size_t *extent = t.tensor.shape, which = variant ? (variant - 1) % rank : 0, more;

    memcpy(extent, shape, rank * sizeof *shape);
    if (variant == 0 || variant > 3 * rank)
        which = 0;
    else if (variant <= rank)
        extent[which]++;
    else if (variant <= 2 * rank)
        extent[which]--;
    else
        extent[which] = 0;
    more = variant > 3 * rank ? variant - 3 * rank : 0;
    if (more == 1 || more == 2) {
        memmove(extent + 1, extent, rank * sizeof *extent);
        extent[0] = more;
        t.tensor.rank++;
    } else if (more == 3) {
        memmove(extent, extent + 1, (rank - 1) * sizeof *extent);
        t.tensor.rank--;
    } else if (more == 4)
        t.tensor.rank = 0;
    else if (more == 8)
        extent[0] = SIZE_MAX / 8;
    t.tensor.data = more == 5 ? NULL : calls_floats(c, entries(&t.tensor), seed);
    t.null = more == 6;
    if (more == 7)
        t.tensor.rank = 99;
    return t;
}

bool calls_is(const calls_tensor *t, size_t rank, const size_t *shape)
{
    bool is = !t->null && t->tensor.data && t->tensor.rank == rank;

    for (size_t i = 0; is && i < rank; i++)
        is = t->tensor.shape[i] && t->tensor.shape[i] < LARGE &&
             (shape[i] == 0 || t->tensor.shape[i] == shape[i]);
    return is;
}

/* -- operators -------------------------------------------------------------------------------- */

calls_operator calls_operator_of(calls *c, size_t rows, size_t cols, size_t variant)
{
    dense *d = calls_bytes(c, 1, sizeof *d);
    calls_operator o;
    float *a;

    d->m = variant == 2 ? 0 : variant == 4 ? rows + 1 : rows;
    d->n = variant == 3 ? 0 : variant == 5 ? cols + 1 : cols;
    d->a = calls_bytes(c, d->m * d->n, sizeof *d->a);
    a = calls_floats(c, d->m * d->n, 7);
    for (size_t i = 0; i < d->m * d->n; i++)
        d->a[i] = (double)a[i];
    o = (calls_operator){.op = operator_of(d), .null = variant == 1};
    if (variant == 6)
        o.op.rows = SIZE_MAX / 8;
    if (variant == 7)
        o.op.apply = NULL;
    if (variant == 8)
        o.op.apply_transpose = NULL;
    return o;
}

bool calls_applies(const calls_operator *o)
{
    return !o->null && o->op.rows && o->op.cols && o->op.rows < LARGE && o->op.apply &&
           o->op.apply_transpose;
}
