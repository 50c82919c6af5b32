#include "geometry/vectors.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/vector.h"

/* Both products go through tiles of 4 x 4 columns, whose sums stay in registers, and chunks of rows
 * that stay in the cache while the tiles pass. */
#define TILE ((size_t)4)
#define CHUNK ((size_t)2048)

/* Less work than this is not worth a second thread. */
#define WORTHWHILE ((size_t)1 << 15)

/* sums[i][j] += <a_i, b_j>, columns n apart. */
PB_VECTOR static void dots_4x4(size_t count, size_t n, const double *restrict a,
                               const double *restrict b, double *restrict sums)
{
    const double *a0 = a, *a1 = a + n, *a2 = a + 2 * n, *a3 = a + 3 * n;
    const double *b0 = b, *b1 = b + n, *b2 = b + 2 * n, *b3 = b + 3 * n;
    double s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
    double s20 = 0, s21 = 0, s22 = 0, s23 = 0, s30 = 0, s31 = 0, s32 = 0, s33 = 0;

#pragma omp simd reduction(+ : s00, s01, s02, s03, s10, s11, s12, s13, s20, s21, s22, s23, s30,    \
                               s31, s32, s33)
    for (size_t l = 0; l < count; l++) {
        s00 += a0[l] * b0[l];
        s01 += a0[l] * b1[l];
        s02 += a0[l] * b2[l];
        s03 += a0[l] * b3[l];
        s10 += a1[l] * b0[l];
        s11 += a1[l] * b1[l];
        s12 += a1[l] * b2[l];
        s13 += a1[l] * b3[l];
        s20 += a2[l] * b0[l];
        s21 += a2[l] * b1[l];
        s22 += a2[l] * b2[l];
        s23 += a2[l] * b3[l];
        s30 += a3[l] * b0[l];
        s31 += a3[l] * b1[l];
        s32 += a3[l] * b2[l];
        s33 += a3[l] * b3[l];
    }
    const double all[TILE * TILE] = {s00, s01, s02, s03, s10, s11, s12, s13,
                                     s20, s21, s22, s23, s30, s31, s32, s33};
    for (size_t i = 0; i < TILE * TILE; i++)
        sums[i] += all[i];
}

PB_VECTOR static double dot(size_t count, const double *restrict a, const double *restrict b)
{
    double sum = 0;

#pragma omp simd reduction(+ : sum)
    for (size_t l = 0; l < count; l++)
        sum += a[l] * b[l];
    return sum;
}

/* b_j += sum_i c[i][j] a_i, columns n apart. */
PB_VECTOR static void add_4x4(size_t count, size_t n, const double *restrict a,
                              const double *restrict c, double *restrict b)
{
    const double *a0 = a, *a1 = a + n, *a2 = a + 2 * n, *a3 = a + 3 * n;
    double *b0 = b, *b1 = b + n, *b2 = b + 2 * n, *b3 = b + 3 * n;

#pragma omp simd
    for (size_t l = 0; l < count; l++) {
        b0[l] += c[0] * a0[l] + c[4] * a1[l] + c[8] * a2[l] + c[12] * a3[l];
        b1[l] += c[1] * a0[l] + c[5] * a1[l] + c[9] * a2[l] + c[13] * a3[l];
        b2[l] += c[2] * a0[l] + c[6] * a1[l] + c[10] * a2[l] + c[14] * a3[l];
        b3[l] += c[3] * a0[l] + c[7] * a1[l] + c[11] * a2[l] + c[15] * a3[l];
    }
}

PB_VECTOR static void add_1(size_t count, double c, const double *restrict a, double *restrict b)
{
#pragma omp simd
    for (size_t l = 0; l < count; l++)
        b[l] += c * a[l];
}

/* Rows i … i + rows - 1 of C, for the tile of `columns` columns from j on. */
static void inner_tile(size_t n, const double *a, size_t rows, const double *b, size_t columns,
                       double *c, size_t ldc)
{
    double sums[TILE * TILE] = {0};

    for (size_t at = 0; at < n; at += CHUNK) {
        size_t count = n - at < CHUNK ? n - at : CHUNK;
        if (rows == TILE && columns == TILE) {
            dots_4x4(count, n, a + at, b + at, sums);
            continue;
        }
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < columns; j++)
                sums[i * TILE + j] += dot(count, a + i * n + at, b + j * n + at);
    }
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            c[j * ldc + i] = sums[i * TILE + j];
}

static size_t tile_width(size_t all, size_t at)
{
    return all - at < TILE ? all - at : TILE;
}

void pb_inner_products(size_t n, size_t p, const double *a, size_t w, const double *b, double *c,
                       size_t ldc)
{
#pragma omp parallel for collapse(2) if (n * p * w > WORTHWHILE)
    for (size_t i = 0; i < p; i += TILE)
        for (size_t j = 0; j < w; j += TILE)
            inner_tile(n, a + i * n, tile_width(p, i), b + j * n, tile_width(w, j), c + j * ldc + i,
                       ldc);
}

/* `count` rows of B, from where a and b point. */
static void add_rows(size_t count, size_t n, size_t p, const double *a, size_t w, double alpha,
                     const double *c, size_t ldc, double *b)
{
    for (size_t i = 0; i < p; i += TILE)
        for (size_t j = 0; j < w; j += TILE) {
            size_t rows = tile_width(p, i), columns = tile_width(w, j);
            double tile[TILE * TILE];

            for (size_t k = 0; k < rows * columns; k++)
                tile[k / columns * TILE + k % columns] =
                    alpha * c[(j + k % columns) * ldc + i + k / columns];
            if (rows == TILE && columns == TILE)
                add_4x4(count, n, a + i * n, tile, b + j * n);
            else
                for (size_t k = 0; k < rows * columns; k++)
                    add_1(count, tile[k / columns * TILE + k % columns], a + (i + k / columns) * n,
                          b + (j + k % columns) * n);
        }
}

void pb_add_combination(size_t n, size_t p, const double *a, size_t w, double alpha,
                        const double *c, size_t ldc, double *b)
{
    if (p == 0 || w == 0)
        return; /* there may be no array at all */
#pragma omp parallel for if (n * p * w > WORTHWHILE)
    for (size_t at = 0; at < n; at += CHUNK / 4)
        add_rows(n - at < CHUNK / 4 ? n - at : CHUNK / 4, n, p, a + at, w, alpha, c, ldc, b + at);
}

void pb_combine(size_t n, size_t p, const double *basis, size_t count, const double *coefficients,
                double *out)
{
    memset(out, 0, n * count * sizeof *out);
    pb_add_combination(n, p, basis, count, 1, coefficients, p, out);
}

double pb_norm(size_t n, const double *x)
{
    return sqrt(dot(n, x, x));
}
