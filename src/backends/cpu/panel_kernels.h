/* The kernels of panel.c for one kind of vector. Included once for each, with these defined:
 *
 *     REAL       float or double
 *     LANES      numbers in a vector
 *     ROWS       rows of A that a product takes at once: ROWS x 2 vectors of sums stay in registers
 *     TARGET     the function attribute that allows such vectors
 *     NAME(x)    x with a suffix of this kind
 */
typedef REAL NAME(vector)
    __attribute__((vector_size(LANES * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));

/* A row's sums are two variables of their own, no part of an array: they stay in registers also
 * where a sanitizer watches over memory. */
#define EVERY_ROW(DO)                                                                              \
    DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)

#define NO_SUM(R) NAME(vector) low##R = {0}, high##R = {0};

#define ADD_TO_SUM(R)                                                                              \
    if (R < rows) {                                                                                \
        const REAL factor = a[R * lda + l];                                                        \
        low##R += factor * b0;                                                                     \
        high##R += factor * b1;                                                                    \
    }

#define PUT_SUM(R)                                                                                 \
    if (R < rows) {                                                                                \
        NAME(vector) *to = (NAME(vector) *)(c + R * ldc);                                          \
        if (add) {                                                                                 \
            low##R += to[0];                                                                       \
            high##R += to[1];                                                                      \
        }                                                                                          \
        to[0] = low##R;                                                                            \
        to[1] = high##R;                                                                           \
    }

/* `rows` <= ROWS rows of A times 2 LANES columns; rows is a constant where this is inlined. next:
 * k x 32 numbers to fetch into the cache meanwhile, or NULL. */
TARGET static inline __attribute__((always_inline)) void
NAME(multiply)(size_t rows, size_t k, const REAL *a, size_t lda, const REAL *panel,
               const REAL *next, bool add, REAL *c, size_t ldc)
{
    EVERY_ROW(NO_SUM)
    for (size_t l = 0; l < k; l++) {
        const NAME(vector) *b = (const NAME(vector) *)(panel + l * PB_PANEL);
        const NAME(vector) b0 = b[0], b1 = b[1];
        if (next) {
            __builtin_prefetch(next + l * PB_PANEL, 0, 2);
            __builtin_prefetch(next + l * PB_PANEL + PB_PANEL / 2, 0, 2);
        }
        EVERY_ROW(ADD_TO_SUM)
    }
    EVERY_ROW(PUT_SUM)
}

#define FOR_ROWS(N)                                                                                \
    case N:                                                                                        \
        NAME(multiply)                                                                             \
        (N, k, a + i * lda, lda, panel + j, i + j ? NULL : next, add, c + i * ldc + j, ldc);       \
        break;

TARGET static void NAME(product)(size_t m, size_t k, const REAL *a, size_t lda, const REAL *panel,
                                 const REAL *next, bool add, REAL *c, size_t ldc)
{
    size_t left = (m + ROWS - 1) / ROWS, rows; /* they are shared out evenly */

    for (size_t i = 0; i < m; i += rows, left--) {
        rows = (m - i + left - 1) / left;
        for (size_t j = 0; j < PB_PANEL; j += 2 * LANES)
            switch (rows) {
                FOR_ROWS(1)
                FOR_ROWS(2)
                FOR_ROWS(3)
                FOR_ROWS(4)
#if ROWS > 4
                FOR_ROWS(5)
                FOR_ROWS(6)
#endif
#if ROWS > 6
                FOR_ROWS(7)
                FOR_ROWS(8)
                FOR_ROWS(9)
                FOR_ROWS(10)
                FOR_ROWS(11)
                FOR_ROWS(12)
#endif
            }
    }
}

#ifdef CHOICE
typedef CHOICE NAME(choice) __attribute__((vector_size(LANES * sizeof(CHOICE))));

/* Entry l: number which[l] of those of a, then b. */
TARGET static inline __attribute__((always_inline)) NAME(vector)
    NAME(choose)(NAME(vector) a, NAME(vector) b, NAME(choice) which)
{
#ifdef __clang__
    NAME(vector) y;

#pragma clang loop unroll(full)
    for (int l = 0; l < LANES; l++)
        y[l] = which[l] < LANES ? a[which[l]] : b[which[l] - LANES];
    return y;
#else
    return __builtin_shuffle(a, b, which);
#endif
}

/* Transposes LANES x LANES numbers by log2(LANES) rounds that exchange blocks of d x d off the
 * diagonal (Eklundh 1972). */
TARGET static void NAME(transpose)(const REAL *from, size_t from_step, REAL *to, size_t to_step)
{
    NAME(vector) x[LANES];

#pragma GCC unroll 16
    for (size_t i = 0; i < LANES; i++)
        x[i] = *(const NAME(vector) *)(from + i * from_step);
#pragma GCC unroll 4
    for (int d = LANES / 2; d > 0; d /= 2) {
        NAME(choice) low, high; /* of the entries of two rows, one after the other */
#pragma GCC unroll 16
        for (int j = 0; j < LANES; j++) {
            low[j] = j & d ? LANES + j - d : j;
            high[j] = j & d ? LANES + j : j + d;
        }
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++)
            if (!(i & d)) {
                const NAME(vector) a = x[i], b = x[i + d];
                x[i] = NAME(choose)(a, b, low);
                x[i + d] = NAME(choose)(a, b, high);
            }
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < LANES; i++)
        *(NAME(vector) *)(to + i * to_step) = x[i];
}
#endif

#undef FOR_ROWS
#undef PUT_SUM
#undef ADD_TO_SUM
#undef NO_SUM
#undef EVERY_ROW
#undef CHOICE
#undef REAL
#undef LANES
#undef ROWS
#undef TARGET
#undef NAME
