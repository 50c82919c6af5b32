/* Explicit matrices as operators. */
#ifndef DENSE_H
#define DENSE_H

#include <pullback/operator.h>

typedef struct dense {
    size_t m, n;
    double *a; /* m x n, row-major */
    size_t applications;
    size_t widest;
    size_t stop_at;      /* fail at this application; 0: never */
    pb_status stop_with; /* with this; 0: with 77 */
    size_t poison_at;    /* put a NaN into this application; 0: never */
} dense;

pb_operator operator_of(dense *d);

/* A matrix with these singular values (count <= min(m, n); the rest are zero); pb_free of its a. */
dense with_values(size_t m, size_t n, size_t count, const double *sigma);

/* Random orthonormal columns: rows x cols, row-major; pb_free. */
double *random_columns(size_t rows, size_t cols, unsigned seed);

#endif
