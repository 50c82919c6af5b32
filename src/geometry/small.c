#include "geometry/small.h"

#include <lapacke.h>
#include <math.h>

#include "base/memory.h"

pb_status pb_small_svd(size_t rows, size_t cols, double *a, size_t lda, double *u, double *sigma,
                       double *v, pb_error *error)
{
    size_t k = rows < cols ? rows : cols;
    double *vt = pb_malloc(k * cols, sizeof *vt);
    lapack_int info;

    if (!vt)
        return pb_fail_memory(error, k * cols * sizeof *vt, "a small matrix");
    info = LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'S', (lapack_int)rows, (lapack_int)cols, a,
                          (lapack_int)lda, sigma, u, (lapack_int)rows, vt, (lapack_int)k);
    for (size_t i = 0; info == 0 && i < k; i++)
        for (size_t j = 0; j < cols; j++)
            v[i * cols + j] = vt[j * k + i];
    pb_free(vt);
    if (info == LAPACK_WORK_MEMORY_ERROR || info == LAPACK_TRANSPOSE_MEMORY_ERROR)
        return pb_fail(error, PB_MEMORY, "out of memory: a small SVD");
    if (info != 0)
        return pb_fail(error, PB_NUMERIC, "a small SVD did not converge (dgesdd: %d)", (int)info);
    return PB_OK;
}

pb_status pb_singular_values(size_t rows, size_t cols, double *a, double *sigma, pb_error *error)
{
    double none, *left = pb_malloc(rows < cols ? rows : cols, sizeof *left);
    lapack_int info;

    if (!left)
        return pb_fail_memory(error, rows * sizeof *left, "an SVD");
    info = LAPACKE_dgesvd(LAPACK_COL_MAJOR, 'N', 'N', (int)rows, (int)cols, a, (int)rows, sigma,
                          &none, 1, &none, 1, left);
    pb_free(left);
    return info ? pb_fail(error, PB_NUMERIC, "an SVD of %zu x %zu did not converge", rows, cols)
                : PB_OK;
}

pb_status pb_orthonormal_columns(size_t n, size_t k, double *q, pb_error *error)
{
    double *tau = pb_malloc(k, sizeof *tau), largest = 0;
    pb_status status = PB_OK;
    lapack_int info;

    if (!tau)
        return pb_fail_memory(error, k * sizeof *tau, "a space");
    info = LAPACKE_dgeqrf(LAPACK_COL_MAJOR, (int)n, (int)k, q, (int)n, tau);
    for (size_t i = 0; i < k; i++)
        largest = fmax(largest, fabs(q[i * n + i]));
    for (size_t i = 0; info == 0 && status == PB_OK && i < k; i++)
        if (!(fabs(q[i * n + i]) > 1e-6 * largest))
            status =
                pb_fail(error, PB_NUMERIC, "vector %zu of %zu depends on those before it", i, k);
    if (info == 0 && status == PB_OK)
        info = LAPACKE_dorgqr(LAPACK_COL_MAJOR, (int)n, (int)k, (int)k, q, (int)n, tau);
    pb_free(tau);
    return info ? pb_fail(error, PB_NUMERIC, "QR of %zu vectors failed with %d", k, (int)info)
                : status;
}
