/* Factorisations of dense matrices in double precision, column-major, by LAPACK. */
#ifndef PB_GEOMETRY_SMALL_H
#define PB_GEOMETRY_SMALL_H

#include <stddef.h>

#include "base/error.h"

/* The thin SVD a = U diag(sigma) V^T of a rows x cols matrix (lda; overwritten), k = min(rows,
 * cols): u rows x k, v cols x k (not transposed), sigma k. Errors: PB_MEMORY, PB_NUMERIC. */
pb_status pb_small_svd(size_t rows, size_t cols, double *a, size_t lda, double *u, double *sigma,
                       double *v, pb_error *error);

/* The singular values of a rows x cols matrix (overwritten), descending. Errors: PB_MEMORY,
 * PB_NUMERIC. */
pb_status pb_singular_values(size_t rows, size_t cols, double *a, double *sigma, pb_error *error);

/* Turns k columns of n numbers into an orthonormal basis of their span (Householder QR).
 * Errors: PB_NUMERIC (they depend on each other), PB_MEMORY. */
pb_status pb_orthonormal_columns(size_t n, size_t k, double *q, pb_error *error);

#endif
