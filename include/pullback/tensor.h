/* Host tensors: float32, contiguous, last index fastest; images are N, C, H, W.
 *
 * A pb_tensor owns its data. Begin with PB_TENSOR_EMPTY or pb_tensor_init, end with
 * pb_tensor_clear.
 */
#ifndef PULLBACK_TENSOR_H
#define PULLBACK_TENSOR_H

#include <stddef.h>

#include <pullback/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PB_MAX_RANK 8

typedef struct pb_tensor {
    size_t rank;
    size_t shape[PB_MAX_RANK];
    float *data; /* pb_tensor_count() floats, aligned to 64 bytes; NULL when empty */
} pb_tensor;

#define PB_TENSOR_EMPTY ((pb_tensor){0, {0}, NULL})
PB_API void pb_tensor_init(pb_tensor *tensor);

/* Makes *tensor a zero-filled tensor of the given shape. *tensor must be empty.
 * Errors: PB_INVALID (rank > PB_MAX_RANK), PB_MEMORY. */
PB_API pb_status pb_tensor_new(pb_tensor *tensor, size_t rank, const size_t *shape,
                               pb_error *error);

/* Makes *to a copy. *to must be empty. Errors: PB_INVALID (an empty tensor, or of a shape that
 * cannot be), PB_MEMORY. */
PB_API pb_status pb_tensor_copy(pb_tensor *to, const pb_tensor *from, pb_error *error);

/* Frees the data and makes *tensor empty. Does nothing to an empty tensor or NULL. */
PB_API void pb_tensor_clear(pb_tensor *tensor);

/* The number of entries: the product of the shape (1 for rank 0). */
PB_API size_t pb_tensor_count(const pb_tensor *tensor);

/* Reads a NumPy .npy file: float32, or float64 narrowed to float32; C order.
 * *tensor must be empty; the caller clears it.
 * Errors: PB_IO, PB_FORMAT (damaged; an entry that is not finite, or too large for float32),
 * PB_UNSUPPORTED (another dtype, Fortran order), PB_MEMORY. */
PB_API pb_status pb_npy_read(pb_tensor *tensor, const char *path, pb_error *error);

/* Writes a NumPy .npy file (version 1.0, '<f4', C order). The file appears whole or not at all.
 * Errors: PB_INVALID (an empty tensor, or of a shape that cannot be), PB_IO, PB_MEMORY. */
PB_API pb_status pb_npy_write(const pb_tensor *tensor, const char *path, pb_error *error);

#ifdef __cplusplus
}
#endif

#endif
