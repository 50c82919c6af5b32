/* Matrix products with a packed right-hand side, on one thread.
 *
 * A matrix B of k rows is packed in panels of 32 columns, one after the other: entry (l, j) lies at
 * (j / 32 * k + l) * 32 + j % 32, and the columns that the last panel lacks are zero. A product
 * with one panel then reads memory in order only. The kernel is chosen when it is first called, for
 * the processor it runs on. */
#ifndef PB_CPU_PANEL_H
#define PB_CPU_PANEL_H

#include <stdbool.h>
#include <stddef.h>

#define PB_PANEL ((size_t)32)

static inline size_t pb_panels(size_t columns)
{
    return (columns + PB_PANEL - 1) / PB_PANEL;
}

/* The columns that panel number j has. */
static inline size_t pb_panel_width(size_t columns, size_t j)
{
    return columns - j * PB_PANEL < PB_PANEL ? columns - j * PB_PANEL : PB_PANEL;
}

/* C = A B, or with `add` C += A B, for one panel B (k x 32): A m x k, rows lda apart; C m x
 * columns, rows ldc apart, columns <= 32. next: a panel of as many rows that is needed soon, to be
 * fetched meanwhile, or NULL; it may lie past the end of an array. */
void pb_panel_product(size_t m, size_t k, const float *a, size_t lda, const float *panel,
                      const float *next, size_t columns, bool add, float *c, size_t ldc);

/* The same in double precision, for all 32 columns. */
void pb_panel_product_double(size_t m, size_t k, const double *a, size_t lda, const double *panel,
                             bool add, double *c, size_t ldc);

/* The panel A^T for up to 32 rows of A (rows x k, rows lda apart); zeros for those that lack. */
void pb_panel_gather(size_t rows, size_t k, const float *a, size_t lda, float *panel);

/* The other way round: the first `rows` columns of a panel (k x 32) become rows of A. */
void pb_panel_scatter(size_t rows, size_t k, const float *panel, float *a, size_t lda);

#endif
