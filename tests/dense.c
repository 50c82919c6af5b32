#include "dense.h"

#include <lapacke.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "op_harness.h"

static pb_status product(dense *d, size_t k, const float *x, size_t ldx, float *y, size_t ldy,
                         bool transpose)
{
    size_t in = transpose ? d->m : d->n, out = transpose ? d->n : d->m;

    d->widest = k > d->widest ? k : d->widest;
    for (size_t j = 0; j < k; j++) {
        if (++d->applications == d->stop_at)
            return d->stop_with ? d->stop_with : (pb_status)77;
        for (size_t i = 0; i < out; i++) {
            double sum = 0;
            for (size_t l = 0; l < in; l++)
                sum +=
                    (transpose ? d->a[l * d->n + i] : d->a[i * d->n + l]) * (double)x[j * ldx + l];
            y[j * ldy + i] = (float)sum;
        }
        if (d->applications == d->poison_at)
            y[j * ldy + out / 2] = NAN;
    }
    return PB_OK;
}

static pb_status apply(void *context, size_t k, const float *x, size_t ldx, float *y, size_t ldy,
                       pb_error *error)
{
    (void)error;
    return product(context, k, x, ldx, y, ldy, false);
}

static pb_status apply_transpose(void *context, size_t k, const float *x, size_t ldx, float *y,
                                 size_t ldy, pb_error *error)
{
    (void)error;
    return product(context, k, x, ldx, y, ldy, true);
}

pb_operator operator_of(dense *d)
{
    return (pb_operator){.rows = d->m,
                         .cols = d->n,
                         .context = d,
                         .apply = apply,
                         .apply_transpose = apply_transpose};
}

double *random_columns(size_t rows, size_t cols, unsigned seed)
{
    float *x = pb_malloc(rows * cols, sizeof *x);
    double *q = pb_malloc(rows * cols, sizeof *q), *tau = pb_malloc(cols, sizeof *tau);

    assert_true(x && q && tau);
    fill_random(x, rows * cols, seed);
    for (size_t i = 0; i < rows * cols; i++)
        q[i] = (double)x[i];
    assert_int_equal(LAPACKE_dgeqrf(LAPACK_ROW_MAJOR, (int)rows, (int)cols, q, (int)cols, tau), 0);
    assert_int_equal(
        LAPACKE_dorgqr(LAPACK_ROW_MAJOR, (int)rows, (int)cols, (int)cols, q, (int)cols, tau), 0);
    pb_free(x);
    pb_free(tau);
    return q;
}

dense with_values(size_t m, size_t n, size_t count, const double *sigma)
{
    double *u = random_columns(m, count, 11), *v = random_columns(n, count, 12);
    dense d = {.m = m, .n = n, .a = pb_calloc(m * n, sizeof *d.a)};

    assert_non_null(d.a);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            for (size_t l = 0; l < count; l++)
                d.a[i * n + j] += sigma[l] * u[i * count + l] * v[j * count + l];
    pb_free(u);
    pb_free(v);
    return d;
}
