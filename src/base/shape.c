#include "base/shape.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define WORDS 128

/* Times a size: false where that are more than there can be. */
static bool multiply(size_t *count, size_t by)
{
    return by <= PB_MOST_NUMBERS && !pb_mul_overflows(*count, by, count) &&
           *count <= PB_MOST_NUMBERS;
}

pb_status pb_count_check(size_t a, size_t b, size_t c, const char *what, pb_error *error)
{
    size_t count = 1;

    if (multiply(&count, a) && multiply(&count, b) && multiply(&count, c))
        return PB_OK;
    return pb_fail(error, PB_INVALID, "%s: expected fewer numbers than %zu x %zu x %zu", what, a, b,
                   c);
}

/* "3 x 64 x 64"; an extent of 0 is "any" in what is expected. */
static void write_shape(char words[WORDS], size_t rank, const size_t *shape, const char *zero)
{
    size_t length = 0;

    words[0] = '\0';
    for (size_t i = 0; i < rank && i < PB_MAX_RANK && length < WORDS; i++) {
        const char *times = i ? " x " : "";
        int n = shape[i] || !zero
                    ? snprintf(words + length, WORDS - length, "%s%zu", times, shape[i])
                    : snprintf(words + length, WORDS - length, "%s%s", times, zero);
        length += (size_t)n;
    }
}

static bool fits(size_t rank, const size_t *found, const size_t *expected)
{
    size_t count = 1;

    for (size_t i = 0; i < rank; i++)
        if (found[i] == 0 || (expected[i] && found[i] != expected[i]) ||
            !multiply(&count, found[i]))
            return false;
    return true;
}

static pb_status refuse(const pb_tensor *tensor, size_t rank, const size_t *shape, const char *what,
                        pb_error *error)
{
    char expected[WORDS], found[WORDS];

    write_shape(expected, rank, shape, "any");
    if (!tensor || !tensor->data)
        return pb_fail(error, PB_INVALID, "%s: expected %s numbers, found none", what, expected);
    if (tensor->rank == 0)
        return pb_fail(error, PB_INVALID, "%s: expected %s numbers, found one", what, expected);
    write_shape(found, tensor->rank, tensor->shape, NULL);
    return pb_fail(error, PB_INVALID, "%s: expected %s numbers, found %s", what, expected, found);
}

pb_status pb_tensor_check(const pb_tensor *tensor, const char *what, pb_error *error)
{
    size_t count = 1;

    if (!tensor || !tensor->data)
        return pb_fail(error, PB_INVALID, "%s: expected numbers, found none", what);
    if (tensor->rank > PB_MAX_RANK)
        return pb_fail(error, PB_INVALID, "%s: expected at most %d dimensions, found %zu", what,
                       PB_MAX_RANK, tensor->rank);
    for (size_t i = 0; i < tensor->rank; i++)
        if (!multiply(&count, tensor->shape[i]))
            return pb_fail(error, PB_INVALID, "%s: more numbers than there can be", what);
    return PB_OK;
}

pb_status pb_shape_check(const pb_tensor *tensor, size_t rank, const size_t *shape,
                         const char *what, pb_error *error)
{
    if (tensor && tensor->data && tensor->rank == rank && fits(rank, tensor->shape, shape))
        return PB_OK;
    return refuse(tensor, rank, shape, what, error);
}

pb_status pb_shape_check_one(const pb_tensor *tensor, size_t rank, const size_t *shape,
                             const char *what, pb_error *error)
{
    if (tensor && tensor->data && tensor->rank == rank + 1 && tensor->shape[0] == 1 &&
        fits(rank, tensor->shape + 1, shape))
        return PB_OK;
    return pb_shape_check(tensor, rank, shape, what, error);
}

pb_status pb_finite_check(size_t count, const float *x, const char *what, pb_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(x[i]))
            return pb_fail(error, PB_INVALID, "%s: expected finite numbers, found %g at %zu", what,
                           (double)x[i], i);
    return PB_OK;
}

void pb_shape_batch(pb_tensor *tensor)
{
    if (tensor->rank != 3)
        return;
    memmove(tensor->shape + 1, tensor->shape, 3 * sizeof *tensor->shape);
    tensor->shape[0] = 1;
    tensor->rank = 4;
}

pb_status pb_size_check(size_t size, size_t expected, const char *what, pb_error *error)
{
    if (size == expected)
        return PB_OK;
    return pb_fail(error, PB_INVALID, "%s: expected %zu numbers each, found %zu", what, expected,
                   size);
}

bool pb_tensor_same(const pb_tensor *a, const pb_tensor *b)
{
    if (!a->data || !b->data)
        return !a->data && !b->data;
    return a->rank == b->rank && a->rank <= PB_MAX_RANK &&
           !memcmp(a->shape, b->shape, a->rank * sizeof *a->shape) &&
           !memcmp(a->data, b->data, pb_tensor_count(a) * sizeof *a->data);
}

bool pb_shape_alike(size_t rank_a, const size_t *a, size_t rank_b, const size_t *b)
{
    for (size_t i = 0; i < rank_a || i < rank_b; i++)
        if ((i < rank_a ? a[i] : 1) != (i < rank_b ? b[i] : 1))
            return false;
    return true;
}

pb_shape_text pb_shape_words(size_t rank, const size_t *shape)
{
    pb_shape_text t;
    size_t length = (size_t)snprintf(t.text, sizeof t.text, "(");

    for (size_t i = 0; i < rank && length < sizeof t.text; i++)
        length += (size_t)snprintf(t.text + length, sizeof t.text - length, "%s%zu", i ? ", " : "",
                                   shape[i]);
    if (length < sizeof t.text)
        snprintf(t.text + length, sizeof t.text - length, ")");
    return t;
}
