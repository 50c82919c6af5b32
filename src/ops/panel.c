#include "ops/panel.h"

#include <string.h>

/* The processor's vectors decide the shape of the kernels. For vectors of LANES floats:
 *
 *     product    ROWS rows of A times 2 LANES columns of a panel: the sums stay in registers
 *     transpose  LANES x LANES entries by log2(LANES) rounds that exchange
 *                blocks of d x d off the diagonal (Eklundh 1972)
 */
#define DEFINE_KERNELS(LANES, ROWS, TARGET)                                                        \
    typedef float vector_##LANES                                                                   \
        __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));                \
    typedef int choice_##LANES __attribute__((vector_size(LANES * sizeof(int))));                  \
                                                                                                   \
    /* rows: a constant where this is inlined */                                                   \
    TARGET static inline __attribute__((always_inline)) void rows_##LANES(                         \
        size_t rows, size_t k, const float *a, size_t lda, const float *panel, bool add, float *c, \
        size_t ldc)                                                                                \
    {                                                                                              \
        vector_##LANES sum[ROWS][2] = {0};                                                         \
        for (size_t l = 0; l < k; l++) {                                                           \
            const vector_##LANES *b = (const vector_##LANES *)(panel + l * PB_PANEL);              \
            const vector_##LANES b0 = b[0], b1 = b[1];                                             \
            for (size_t r = 0; r < rows; r++) {                                                    \
                sum[r][0] += a[r * lda + l] * b0;                                                  \
                sum[r][1] += a[r * lda + l] * b1;                                                  \
            }                                                                                      \
        }                                                                                          \
        for (size_t r = 0; r < rows; r++) {                                                        \
            vector_##LANES *to = (vector_##LANES *)(c + r * ldc);                                  \
            if (add) {                                                                             \
                sum[r][0] += to[0];                                                                \
                sum[r][1] += to[1];                                                                \
            }                                                                                      \
            to[0] = sum[r][0];                                                                     \
            to[1] = sum[r][1];                                                                     \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    TARGET static void product_##LANES(size_t m, size_t k, const float *a, size_t lda,             \
                                       const float *panel, bool add, float *c, size_t ldc)         \
    {                                                                                              \
        size_t left = (m + ROWS - 1) / ROWS; /* the rows are shared out evenly */                  \
        for (size_t i = 0; i < m; left--) {                                                        \
            size_t rows = (m - i + left - 1) / left;                                               \
            for (size_t j = 0; j < PB_PANEL; j += 2 * LANES)                                       \
                EACH_COUNT_##ROWS(rows_##LANES, a + i * lda, panel + j, c + i * ldc + j);          \
            i += rows;                                                                             \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    TARGET static void transpose_##LANES(const float *from, size_t from_step, float *to,           \
                                         size_t to_step)                                           \
    {                                                                                              \
        vector_##LANES x[LANES];                                                                   \
        _Pragma("GCC unroll 16") for (size_t i = 0; i < LANES; i++) x[i] =                         \
            *(const vector_##LANES *)(from + i * from_step);                                       \
        _Pragma("GCC unroll 4") for (int d = LANES / 2; d > 0; d /= 2)                             \
        {                                                                                          \
            choice_##LANES low, high; /* of the entries of a pair of rows, one after the other */  \
            _Pragma("GCC unroll 16") for (int j = 0; j < LANES; j++)                               \
            {                                                                                      \
                low[j] = j & d ? LANES + j - d : j;                                                \
                high[j] = j & d ? LANES + j : j + d;                                               \
            }                                                                                      \
            _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) if (!(i & d))                 \
            {                                                                                      \
                const vector_##LANES a = x[i], b = x[i + d];                                       \
                x[i] = __builtin_shuffle(a, b, low);                                               \
                x[i + d] = __builtin_shuffle(a, b, high);                                          \
            }                                                                                      \
        }                                                                                          \
        _Pragma("GCC unroll 16") for (size_t i = 0; i < LANES; i++) *                              \
            (vector_##LANES *)(to + i * to_step) = x[i];                                           \
    }

#define COUNT(F, N, A, B, C)                                                                       \
    case N:                                                                                        \
        F(N, k, A, lda, B, add, C, ldc);                                                           \
        break;
#define COUNTS_4(F, A, B, C)                                                                       \
    COUNT(F, 1, A, B, C) COUNT(F, 2, A, B, C) COUNT(F, 3, A, B, C) COUNT(F, 4, A, B, C)
#define COUNTS_6(F, A, B, C) COUNTS_4(F, A, B, C) COUNT(F, 5, A, B, C) COUNT(F, 6, A, B, C)
#define COUNTS_12(F, A, B, C)                                                                      \
    COUNTS_6(F, A, B, C)                                                                           \
    COUNT(F, 7, A, B, C)                                                                           \
    COUNT(F, 8, A, B, C)                                                                           \
    COUNT(F, 9, A, B, C) COUNT(F, 10, A, B, C) COUNT(F, 11, A, B, C) COUNT(F, 12, A, B, C)
#define EACH_COUNT_4(F, A, B, C)                                                                   \
    switch (rows) {                                                                                \
        COUNTS_4(F, A, B, C)                                                                       \
    }
#define EACH_COUNT_6(F, A, B, C)                                                                   \
    switch (rows) {                                                                                \
        COUNTS_6(F, A, B, C)                                                                       \
    }
#define EACH_COUNT_12(F, A, B, C)                                                                  \
    switch (rows) {                                                                                \
        COUNTS_12(F, A, B, C)                                                                      \
    }

typedef struct kernels {
    size_t lanes;
    void (*product)(size_t m, size_t k, const float *a, size_t lda, const float *panel, bool add,
                    float *c, size_t ldc);
    void (*transpose)(const float *from, size_t from_step, float *to, size_t to_step);
} kernels;

DEFINE_KERNELS(4, 4, )
static const kernels kernels_4 = {4, product_4, transpose_4};

#if defined(__x86_64__)
DEFINE_KERNELS(8, 6, __attribute__((target("avx2,fma"))))
DEFINE_KERNELS(16, 12, __attribute__((target("avx512f"))))
static const kernels kernels_8 = {8, product_8, transpose_8};
static const kernels kernels_16 = {16, product_16, transpose_16};

static const kernels *get_kernels(void)
{
    if (__builtin_cpu_supports("avx512f"))
        return &kernels_16;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &kernels_8
                                                                           : &kernels_4;
}
#else
static const kernels *get_kernels(void)
{
    return &kernels_4;
}
#endif

/* Rows that go through a buffer where C has fewer columns than a panel. */
#define SOME ((size_t)12)

void pb_panel_product(size_t m, size_t k, const float *a, size_t lda, const float *panel,
                      size_t columns, bool add, float *c, size_t ldc)
{
    const kernels *use = get_kernels();
    float some[SOME * PB_PANEL];

    if (columns == PB_PANEL) {
        use->product(m, k, a, lda, panel, add, c, ldc);
        return;
    }
    for (size_t i = 0; i < m; i += SOME) {
        size_t rows = m - i < SOME ? m - i : SOME;
        use->product(rows, k, a + i * lda, lda, panel, false, some, PB_PANEL);
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < columns; j++) {
                float *to = c + (i + r) * ldc + j;
                *to = some[r * PB_PANEL + j] + (add ? *to : 0.0f);
            }
    }
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
