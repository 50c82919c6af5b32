#include "backends/cpu/panel.h"

#include <string.h>

/* -- kernels for the processor ----------------------------------------------------------------- */

typedef struct kernels {
    size_t lanes; /* a side of what `transpose` transposes */
    void (*product)(size_t m, size_t k, const float *a, size_t lda, const float *panel,
                    const float *next, bool add, float *c, size_t ldc);
    void (*product_double)(size_t m, size_t k, const double *a, size_t lda, const double *panel,
                           const double *next, bool add, double *c, size_t ldc);
    void (*transpose)(const float *from, size_t from_step, float *to, size_t to_step);
} kernels;

#define REAL float
#define LANES 4
#define ROWS 4
#define TARGET
#define NAME(x) x##_plain
#define CHOICE int
#include "backends/cpu/panel_kernels.h"

#define REAL double
#define LANES 2
#define ROWS 4
#define TARGET
#define NAME(x) x##_plain_double
#include "backends/cpu/panel_kernels.h"

static const kernels plain = {4, product_plain, product_plain_double, transpose_plain};

#if defined(__x86_64__)
#define REAL float
#define LANES 8
#define ROWS 6
#define TARGET __attribute__((target("avx2,fma")))
#define NAME(x) x##_avx2
#define CHOICE int
#include "backends/cpu/panel_kernels.h"

#define REAL double
#define LANES 4
#define ROWS 6
#define TARGET __attribute__((target("avx2,fma")))
#define NAME(x) x##_avx2_double
#include "backends/cpu/panel_kernels.h"

#define REAL float
#define LANES 16
#define ROWS 12
#define TARGET __attribute__((target("avx512f")))
#define NAME(x) x##_avx512
#define CHOICE int
#include "backends/cpu/panel_kernels.h"

#define REAL double
#define LANES 8
#define ROWS 12
#define TARGET __attribute__((target("avx512f")))
#define NAME(x) x##_avx512_double
#include "backends/cpu/panel_kernels.h"

static const kernels avx2 = {8, product_avx2, product_avx2_double, transpose_avx2};
static const kernels avx512 = {16, product_avx512, product_avx512_double, transpose_avx512};

static const kernels *get_kernels(void)
{
    if (__builtin_cpu_supports("avx512f"))
        return &avx512;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &avx2 : &plain;
}
#else
static const kernels *get_kernels(void)
{
    return &plain;
}
#endif

/* -- products and transposes ------------------------------------------------------------------- */

/* Rows that go through a buffer where C has fewer columns than a panel. */
#define SOME ((size_t)12)

void pb_panel_product(size_t m, size_t k, const float *a, size_t lda, const float *panel,
                      const float *next, size_t columns, bool add, float *c, size_t ldc)
{
    const kernels *use = get_kernels();
    float some[SOME * PB_PANEL];

    if (columns == PB_PANEL) {
        use->product(m, k, a, lda, panel, next, add, c, ldc);
        return;
    }
    for (size_t i = 0; i < m; i += SOME) {
        size_t rows = m - i < SOME ? m - i : SOME;
        use->product(rows, k, a + i * lda, lda, panel, next, false, some, PB_PANEL);
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < columns; j++) {
                float *to = c + (i + r) * ldc + j;
                *to = some[r * PB_PANEL + j] + (add ? *to : 0.0f);
            }
    }
}

void pb_panel_product_double(size_t m, size_t k, const double *a, size_t lda, const double *panel,
                             bool add, double *c, size_t ldc)
{
    get_kernels()->product_double(m, k, a, lda, panel, NULL, add, c, ldc);
}

/* to (columns x rows) = the transpose of from (rows x columns). */
static void transpose(size_t rows, size_t columns, const float *from, size_t from_step, float *to,
                      size_t to_step)
{
    const kernels *use = get_kernels();
    size_t square = use->lanes, whole_rows = rows / square * square;
    size_t whole_columns = columns / square * square;

    for (size_t i = 0; i < whole_rows; i += square)
        for (size_t j = 0; j < whole_columns; j += square)
            use->transpose(from + i * from_step + j, from_step, to + j * to_step + i, to_step);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = i < whole_rows ? whole_columns : 0; j < columns; j++)
            to[j * to_step + i] = from[i * from_step + j];
}

void pb_panel_gather(size_t rows, size_t k, const float *a, size_t lda, float *panel)
{
    if (rows < PB_PANEL)
        memset(panel, 0, k * PB_PANEL * sizeof *panel);
    transpose(rows, k, a, lda, panel, PB_PANEL);
}

void pb_panel_scatter(size_t rows, size_t k, const float *panel, float *a, size_t lda)
{
    transpose(k, rows, panel, PB_PANEL, a, lda);
}
