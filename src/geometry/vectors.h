/* Products of tall matrices in double precision. Columns lie one after the other (column-major);
 * the results are the same for any number of threads. */
#ifndef PB_GEOMETRY_VECTORS_H
#define PB_GEOMETRY_VECTORS_H

#include <stddef.h>

/* C = A^T B: A n x p, B n x w; C p x w, columns ldc apart. */
void pb_inner_products(size_t n, size_t p, const double *a, size_t w, const double *b, double *c,
                       size_t ldc);

/* B += alpha A C: A n x p, C p x w with columns ldc apart, B n x w. */
void pb_add_combination(size_t n, size_t p, const double *a, size_t w, double alpha,
                        const double *c, size_t ldc, double *b);

/* out = basis coefficients: n x count from n x p and p x count. */
void pb_combine(size_t n, size_t p, const double *basis, size_t count, const double *coefficients,
                double *out);

/* The Euclidean norm of n numbers. */
double pb_norm(size_t n, const double *x);

#endif
