#include "base/shape.h"

#include <stdbool.h>
#include <stdio.h>

#define WORDS 128

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
    for (size_t i = 0; i < rank; i++)
        if (found[i] == 0 || (expected[i] && found[i] != expected[i]))
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

pb_status pb_size_check(size_t size, size_t expected, const char *what, pb_error *error)
{
    if (size == expected)
        return PB_OK;
    return pb_fail(error, PB_INVALID, "%s: expected %zu numbers each, found %zu", what, expected,
                   size);
}
