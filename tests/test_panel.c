/* The kernels of matrix products, each kind that this processor runs: panel.c is included so that
 * the test sees them all, not only the one that is chosen here. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "op_harness.h"
#include "backends/cpu/panel.c"

#define MOST_ROWS 27
#define MOST_K 100

static float a[MOST_ROWS * MOST_K], panel[MOST_K * PB_PANEL], c[MOST_ROWS * PB_PANEL];
static double wide_a[MOST_ROWS * MOST_K], wide_panel[MOST_K * PB_PANEL];
static double wide_c[MOST_ROWS * PB_PANEL];

static double reference(size_t k, size_t row, size_t column)
{
    double sum = 0;

    for (size_t l = 0; l < k; l++)
        sum += wide_a[row * MOST_K + l] * wide_panel[l * PB_PANEL + column];
    return sum;
}

static void check_product(const kernels *use, size_t m, size_t k, bool add)
{
    for (size_t i = 0; i < m * PB_PANEL; i++)
        wide_c[i] = c[i] = 0.5f;
    use->product(m, k, a, MOST_K, panel, panel, add, c, PB_PANEL);
    use->product_double(m, k, wide_a, MOST_K, wide_panel, NULL, add, wide_c, PB_PANEL);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < PB_PANEL; j++) {
            double expected = reference(k, i, j) + (add ? 0.5 : 0);
            assert_true(fabs((double)c[i * PB_PANEL + j] - expected) < 1e-4);
            assert_true(fabs(wide_c[i * PB_PANEL + j] - expected) < 1e-12);
        }
    for (size_t j = m * PB_PANEL; j < MOST_ROWS * PB_PANEL; j++) /* nothing is written behind */
        assert_true(c[j] == 0.25f);
}

static void check_kernels(const kernels *use)
{
    static const size_t depths[] = {1, 7, 32, MOST_K};
    float square[PB_PANEL * PB_PANEL];

    for (size_t m = 1; m < MOST_ROWS; m++)
        for (size_t i = 0; i < sizeof depths / sizeof *depths; i++)
            for (int add = 0; add < 2; add++) {
                for (size_t j = 0; j < MOST_ROWS * PB_PANEL; j++)
                    c[j] = 0.25f;
                check_product(use, m, depths[i], add);
            }
    use->transpose(panel, PB_PANEL, square, PB_PANEL);
    for (size_t i = 0; i < use->lanes; i++)
        for (size_t j = 0; j < use->lanes; j++)
            assert_true(square[j * PB_PANEL + i] == panel[i * PB_PANEL + j]);
}

static void test_plain(void **state)
{
    (void)state;
    check_kernels(&plain);
}

static void test_avx2(void **state)
{
    (void)state;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        check_kernels(&avx2);
        return;
    }
#endif
    skip();
}

static void test_avx512(void **state)
{
    (void)state;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        check_kernels(&avx512);
        return;
    }
#endif
    skip();
}

/* Gathering rows into a panel and scattering them gives them back. */
static void test_gather(void **state)
{
    static float back[PB_PANEL * MOST_K];

    (void)state;
    for (size_t rows = 1; rows < MOST_ROWS; rows++) {
        pb_panel_gather(rows, MOST_K, a, MOST_K, panel);
        for (size_t l = 0; l < MOST_K; l++)
            for (size_t i = 0; i < PB_PANEL; i++)
                assert_true(panel[l * PB_PANEL + i] == (i < rows ? a[i * MOST_K + l] : 0.0f));
        pb_panel_scatter(rows, MOST_K, panel, back, MOST_K);
        assert_memory_equal(back, a, rows * MOST_K * sizeof *a);
    }
}

static int fill(void **state)
{
    (void)state;
    fill_random(a, MOST_ROWS * MOST_K, 1);
    fill_random(panel, MOST_K * PB_PANEL, 2);
    for (size_t i = 0; i < MOST_ROWS * MOST_K; i++)
        wide_a[i] = (double)a[i];
    for (size_t i = 0; i < MOST_K * PB_PANEL; i++)
        wide_panel[i] = (double)panel[i];
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_avx2),
        cmocka_unit_test(test_avx512),
        cmocka_unit_test(test_gather),
    };

    return cmocka_run_group_tests(tests, fill, NULL);
}
