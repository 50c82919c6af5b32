/* Explicit matrices as operators. */
#ifndef DENSE_H
#define DENSE_H

#include <pullback/operator.h>

typedef struct dense {
    size_t m, n;
    double *a; /* m x n, row-major */
    size_t applications;
    size_t widest;
    size_t stop_at;   /* return 77 at this application; 0: never */
    size_t poison_at; /* put a NaN into this application; 0: never */
} dense;

pb_operator operator_of(dense *d);

/* Random orthonormal columns: rows x cols, row-major; pb_free. */
double *random_columns(size_t rows, size_t cols, unsigned seed);

#endif
