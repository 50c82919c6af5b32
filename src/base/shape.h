/* Shapes of tensors, checked against what they are used with. */
#ifndef PB_BASE_SHAPE_H
#define PB_BASE_SHAPE_H

#include <pullback/tensor.h>

#include "base/error.h"

/* Is it a tensor of this shape? An extent of 0 may be any but 0. what: "a mask", for the message.
 * Errors: PB_INVALID. */
pb_status pb_shape_check(const pb_tensor *tensor, size_t rank, const size_t *shape,
                         const char *what, pb_error *error);

/* Is it one item of this shape, or a batch of one? Errors: PB_INVALID. */
pb_status pb_shape_check_one(const pb_tensor *tensor, size_t rank, const size_t *shape,
                             const char *what, pb_error *error);

/* Does a function for items of `expected` floats get such ones? Errors: PB_INVALID. */
pb_status pb_size_check(size_t size, size_t expected, const char *what, pb_error *error);

#endif
