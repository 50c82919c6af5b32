/* Shapes of tensors, checked against what they are used with. */
#ifndef PB_BASE_SHAPE_H
#define PB_BASE_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include <pullback/tensor.h>

#include "base/error.h"

/* Numbers of each item of a tensor (n,…), n above 0. */
static inline size_t pb_item_size(const pb_tensor *tensor)
{
    return pb_tensor_count(tensor) / tensor->shape[0];
}

/* Makes an item (c,h,w) the batch (1,c,h,w); leaves tensors of another rank alone. */
void pb_shape_batch(pb_tensor *tensor);

/* More numbers than any array has: a count beyond is a mistake, and is told as one before anything
 * is read or allocated by it. */
#define PB_MOST_NUMBERS ((uint64_t)1 << 40)

/* Can an array have a x b x c numbers? Errors: PB_INVALID. */
pb_status pb_count_check(size_t a, size_t b, size_t c, const char *what, pb_error *error);

/* Is it a tensor at all: with numbers, of a rank and as many numbers as there can be? Extents may
 * be 0. Errors: PB_INVALID. */
pb_status pb_tensor_check(const pb_tensor *tensor, const char *what, pb_error *error);

/* Is it a tensor of this shape? An extent of 0 may be any but 0. what: "a mask", for the message.
 * Errors: PB_INVALID. */
pb_status pb_shape_check(const pb_tensor *tensor, size_t rank, const size_t *shape,
                         const char *what, pb_error *error);

/* Is it one item of this shape, or a batch of one? Errors: PB_INVALID. */
pb_status pb_shape_check_one(const pb_tensor *tensor, size_t rank, const size_t *shape,
                             const char *what, pb_error *error);

/* Are two shapes the same, apart from lengths of 1 at their ends? */
bool pb_shape_alike(size_t rank_a, const size_t *a, size_t rank_b, const size_t *b);

/* A shape for a message, "(320, 4, 3, 3)": pb_shape_words(rank, shape).text within one expression.
 */
typedef struct pb_shape_text {
    char text[128];
} pb_shape_text;
pb_shape_text pb_shape_words(size_t rank, const size_t *shape);

/* Are they the same in shape and numbers, or both empty? */
bool pb_tensor_same(const pb_tensor *a, const pb_tensor *b);

/* Are all of count numbers finite? Errors: PB_INVALID. */
pb_status pb_finite_check(size_t count, const float *x, const char *what, pb_error *error);

/* Does a function for items of `expected` floats get such ones? Errors: PB_INVALID. */
pb_status pb_size_check(size_t size, size_t expected, const char *what, pb_error *error);

#endif
