/* The truncated SVD of explicit matrices, against LAPACK and against what it claims itself. */
#include <lapacke.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <pullback/svd.h>

#include "base/memory.h"
#include "dense.h"
#include "op_harness.h"

/* -- checks ------------------------------------------------------------------------------------ */

static void assert_orthonormal(const float *x, size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j <= i; j++)
            assert_true(fabs(inner(x + i * size, x + j * size, size) - (i == j)) < 1e-6);
}

static void assert_signs(const pb_svd *svd)
{
    for (size_t i = 0; i < svd->rank; i++) {
        const float *v = svd->v + i * svd->cols;
        size_t largest = 0;
        for (size_t j = 1; j < svd->cols; j++)
            if (fabsf(v[j]) > fabsf(v[largest]))
                largest = j;
        assert_true(v[largest] > 0);
    }
}

/* Computes the SVD and checks all it claims; the caller frees it. */
static pb_svd *compute(dense *d, const pb_svd_options *o, const double *sigma, double accuracy)
{
    pb_operator op = operator_of(d);
    pb_error error = {0};
    pb_svd *svd = NULL;
    double verified[256];

    d->applications = 0;
    if (pb_svd_compute(&svd, &op, o, NULL, &error) != PB_OK)
        fail_msg("%s", error.message);
    assert_int_equal(svd->rank, o->rank);
    assert_int_equal(svd->converged, o->rank);
    assert_int_equal(svd->applications, d->applications);
    assert_orthonormal(svd->v, svd->rank, svd->cols);
    assert_orthonormal(svd->u, svd->rank, svd->rows);
    assert_signs(svd);
    assert_int_equal(pb_svd_verify(svd, &op, verified, NULL, &error), PB_OK);
    for (size_t i = 0; i < svd->rank; i++) {
        if (sigma && !(fabs(svd->sigma[i] - sigma[i]) <= accuracy * (sigma[0] + 1e-30)))
            fail_msg("sigma %zu is %.9g, expected %.9g", i, svd->sigma[i], sigma[i]);
        assert_true(svd->residual[i] <= o->tolerance);
        assert_true(fabs(verified[i] - svd->residual[i]) < 2e-6);
        assert_true(i == 0 || svd->sigma[i] <= svd->sigma[i - 1]);
    }
    return svd;
}

static void fill_decay(double *sigma, size_t count, double power)
{
    for (size_t i = 0; i < count; i++)
        sigma[i] = 30 * pow((double)i + 1, -power);
}

/* -- tests ------------------------------------------------------------------------------------- */

static void test_shapes(void **state)
{
    static const size_t shapes[][3] = {{120, 60, 20}, {60, 120, 20}, {90, 90, 7}, {1, 50, 1},
                                       {50, 1, 1},    {1, 1, 1},     {12, 9, 9},  {9, 12, 9},
                                       {3, 40, 2},    {40, 3, 3}};

    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int method = 0; method < 2; method++) {
            size_t m = shapes[i][0], n = shapes[i][1], count = m < n ? m : n;
            pb_svd_options o = PB_SVD_DEFAULTS;
            double sigma[128];
            dense d;

            fill_decay(sigma, count, 0.7);
            d = with_values(m, n, count, sigma);
            o.rank = shapes[i][2];
            o.tolerance = 1e-5;
            o.method = method ? PB_SVD_SUBSPACE : PB_SVD_KRYLOV;
            o.max_applications = 100000;
            pb_svd_free(compute(&d, &o, sigma, 1e-6));
            pb_free(d.a);
        }
}

static void test_blocks_and_restarts(void **state)
{
    size_t restarts = 0;
    double sigma[150];
    dense d;

    (void)state;
    fill_decay(sigma, 150, 0.85);
    d = with_values(200, 150, 150, sigma);
    for (size_t block = 1; block <= 16; block *= 2)
        for (size_t basis = 0; basis <= 60; basis += 30) {
            pb_svd_options o = PB_SVD_DEFAULTS;
            pb_svd *svd;
            o.rank = 12;
            o.tolerance = 1e-5;
            o.block = block;
            o.max_basis = basis;
            svd = compute(&d, &o, sigma, 1e-6);
            assert_true(d.widest <= (block > 12 ? block : 12));
            restarts += svd->restarts;
            pb_svd_free(svd);
        }
    assert_true(restarts > 0);
    pb_free(d.a);
}

/* Clustered and repeated values: the block method finds all copies. */
static void test_repeated(void **state)
{
    double sigma[80];
    dense d;

    (void)state;
    for (size_t i = 0; i < 80; i++)
        sigma[i] = i < 4 ? 5 : i < 8 ? 5 - 1e-4 * (double)i : 3.0 / (double)i;
    d = with_values(100, 80, 80, sigma);
    for (int method = 0; method < 2; method++) {
        pb_svd_options o = PB_SVD_DEFAULTS;
        o.rank = 8;
        o.tolerance = 1e-5;
        o.max_applications = 100000;
        o.method = method ? PB_SVD_SUBSPACE : PB_SVD_KRYLOV;
        pb_svd_free(compute(&d, &o, sigma, 1e-6));
    }
    pb_free(d.a);
}

/* More triplets than the matrix has rank; no matrix at all. */
static void test_deficient(void **state)
{
    double sigma[10] = {4, 3, 2};
    dense d = with_values(50, 40, 3, sigma), zero = with_values(20, 30, 0, sigma);
    pb_svd_options o = PB_SVD_DEFAULTS;

    (void)state;
    o.rank = 10;
    o.tolerance = 1e-5;
    pb_svd_free(compute(&d, &o, sigma, 1e-6));
    sigma[0] = sigma[1] = sigma[2] = 0;
    pb_svd_free(compute(&zero, &o, sigma, 1e-6));
    pb_free(d.a);
    pb_free(zero.a);
}

/* The residual bounds the error of the value, and the angle bound that of the vector. */
static void test_certificate(void **state)
{
    double sigma[100], *v;
    dense d;

    (void)state;
    fill_decay(sigma, 100, 0.7);
    d = with_values(150, 100, 100, sigma);
    v = random_columns(100, 100, 12); /* as in with_values */
    for (double tolerance = 1e-1; tolerance > 1e-6; tolerance /= 10) {
        pb_svd_options o = PB_SVD_DEFAULTS;
        pb_svd *svd;
        o.rank = 10;
        o.tolerance = tolerance;
        o.block = 4;
        svd = compute(&d, &o, NULL, 0);
        for (size_t i = 0; i < svd->rank; i++) {
            double nearest = INFINITY, cosine = 0;
            for (size_t j = 0; j < 100; j++)
                nearest = fmin(nearest, fabs(svd->sigma[i] - sigma[j]));
            assert_true(nearest <= svd->residual[i] * svd->sigma[0] / sqrt(2) + 1e-5);
            for (size_t j = 0; j < 100; j++)
                cosine += (double)svd->v[i * 100 + j] * v[j * 100 + i];
            assert_true(acos(fmin(fabs(cosine), 1)) <= 2 * svd->angle_bound[i] + 2e-3);
        }
        pb_svd_free(svd);
    }
    pb_free(v);
    pb_free(d.a);
}

static void test_same_bits(void **state)
{
    pb_svd_options o = PB_SVD_DEFAULTS;
    double sigma[60];
    pb_svd *a, *b, *c;
    dense d;

    (void)state;
    fill_decay(sigma, 60, 0.7);
    d = with_values(80, 60, 60, sigma);
    a = compute(&d, &o, sigma, 1e-3);
    b = compute(&d, &o, sigma, 1e-3);
    assert_memory_equal(a->v, b->v, a->rank * a->cols * sizeof *a->v);
    assert_memory_equal(a->sigma, b->sigma, a->rank * sizeof *a->sigma);
    o.seed = 1;
    c = compute(&d, &o, sigma, 1e-3);
    assert_memory_not_equal(a->v, c->v, a->rank * a->cols * sizeof *a->v);
    pb_svd_free(a);
    pb_svd_free(b);
    pb_svd_free(c);
    pb_free(d.a);
}

/* Subspace iteration started from the answer is sooner there; Krylov takes starting vectors too;
 * the operator's own limit on width is kept. */
static void test_start_and_block_max(void **state)
{
    pb_svd_options o = PB_SVD_DEFAULTS;
    double sigma[60];
    pb_svd *cold, *warm;
    pb_operator op;
    dense d;

    (void)state;
    fill_decay(sigma, 60, 0.7);
    d = with_values(80, 60, 60, sigma);
    op = operator_of(&d);
    o.rank = 6;
    o.tolerance = 1e-4;
    o.block = 8;
    o.method = PB_SVD_SUBSPACE;
    cold = compute(&d, &o, sigma, 1e-3);
    o.start = cold->v;
    o.start_count = 6;
    o.start_length = cold->cols;
    warm = compute(&d, &o, sigma, 1e-3);
    assert_true(warm->applications < cold->applications);
    o.method = PB_SVD_KRYLOV;
    pb_svd_free(warm);
    warm = compute(&d, &o, sigma, 1e-3);
    pb_svd_free(warm);
    pb_svd_free(cold);
    op.block_max = 3;
    d.widest = 0;
    o.start = NULL;
    assert_int_equal(pb_svd_compute(&cold, &op, &o, NULL, NULL), PB_OK);
    assert_true(d.widest <= 3);
    pb_svd_free(cold);
    pb_free(d.a);
}

/* A rough operator gives the start, the exact one the result. */
static void test_refined(void **state)
{
    pb_svd_options o = PB_SVD_DEFAULTS;
    pb_operator fast, op;
    double sigma[80];
    dense d, rough;
    pb_svd *svd;
    pb_error error;
    float *noise;

    (void)state;
    fill_decay(sigma, 80, 0.9);
    d = with_values(120, 80, 80, sigma);
    rough = d;
    rough.a = pb_malloc(120 * 80, sizeof *rough.a);
    noise = pb_malloc(120 * 80, sizeof *noise);
    fill_random(noise, 120 * 80, 7);
    for (size_t i = 0; i < 120 * 80; i++)
        rough.a[i] = d.a[i] + 1e-4 * sigma[0] * (double)noise[i];
    op = operator_of(&d);
    fast = operator_of(&rough);
    o.rank = 12;
    o.tolerance = 1e-5;
    assert_int_equal(pb_svd_refined(&svd, &fast, &op, &o, NULL, &error), PB_OK);
    assert_int_equal(svd->converged, 12);
    assert_true(svd->applications_fast > 0 && svd->applications_fast < svd->applications);
    assert_int_equal(svd->applications_fast, rough.applications);
    assert_int_equal(svd->applications, rough.applications + d.applications);
    for (size_t i = 0; i < 12; i++)
        assert_true(fabs(svd->sigma[i] - sigma[i]) <= 1e-5 * sigma[0]);
    pb_svd_free(svd);
    fast.rows--;
    assert_int_equal(pb_svd_refined(&svd, &fast, &op, &o, NULL, &error), PB_INVALID);
    pb_free(noise);
    pb_free(rough.a);
    pb_free(d.a);
}

static void test_limit(void **state)
{
    pb_svd_options o = PB_SVD_DEFAULTS;
    pb_error error = {0};
    double sigma[60];
    pb_operator op;
    pb_svd *svd;
    dense d;

    (void)state;
    fill_decay(sigma, 60, 0.3);
    d = with_values(80, 60, 60, sigma);
    op = operator_of(&d);
    o.rank = 10;
    o.tolerance = 1e-6;
    o.block = 4;
    o.max_applications = 40;
    assert_int_equal(pb_svd_compute(&svd, &op, &o, NULL, &error), PB_OK);
    assert_true(svd->converged < 10 && svd->applications <= 41);
    assert_true(svd->residual[svd->rank - 1] > 1e-6);
    pb_svd_free(svd);
    o.max_applications = 16; /* 8 vectors a side: fewer triplets than wanted */
    assert_int_equal(pb_svd_compute(&svd, &op, &o, NULL, &error), PB_OK);
    assert_int_equal(svd->rank, 8);
    pb_svd_free(svd);
    pb_free(d.a);
}

static int count_calls(void *context, const pb_progress *progress)
{
    const pb_svd_progress *p = progress->svd;
    size_t *left = context;

    assert_non_null(p);
    assert_true(p->converged <= p->rank && p->applications > 0);
    return --*left == 0;
}

static void test_failures(void **state)
{
    pb_svd_options o = PB_SVD_DEFAULTS;
    pb_error error = {0};
    double sigma[60];
    size_t left = 3;
    pb_operator op;
    pb_svd *svd;
    dense d;

    (void)state;
    fill_decay(sigma, 60, 0.7);
    d = with_values(80, 60, 60, sigma);
    op = operator_of(&d);
    for (int method = 0; method < 2; method++) {
        o.method = method ? PB_SVD_SUBSPACE : PB_SVD_KRYLOV;
        d.applications = 0;
        d.stop_at = 30;
        assert_int_equal(pb_svd_compute(&svd, &op, &o, NULL, &error), 77);
        assert_int_equal(error.status, 77);
        assert_non_null(strstr(error.message, "80 x 60 failed and did not say why"));
        d.applications = d.stop_at = 0;
        d.poison_at = 21;
        assert_int_equal(pb_svd_compute(&svd, &op, &o, NULL, &error), PB_NUMERIC);
        assert_non_null(strstr(error.message, "application 21 "));
        d.poison_at = 0;
    }
    o.method = PB_SVD_KRYLOV;
    o.block = 1;
    assert_int_equal(
        pb_svd_compute(&svd, &op, &o, &(pb_run){.monitor = count_calls, .context = &left}, &error),
        PB_CANCELLED);
    assert_null(svd); /* test_kept.c stops where there is something to keep */
    o.rank = 61;
    assert_int_equal(pb_svd_compute(&svd, &op, &o, NULL, &error), PB_INVALID);
    assert_non_null(strstr(error.message, "rank 61"));
    o.rank = 0;
    assert_int_equal(pb_svd_compute(&svd, &op, &o, NULL, &error), PB_INVALID);
    o.rank = 5;
    o.tolerance = NAN;
    assert_int_equal(pb_svd_compute(&svd, &op, &o, NULL, &error), PB_INVALID);
    pb_free(d.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_blocks_and_restarts),
        cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_deficient),
        cmocka_unit_test(test_certificate),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_start_and_block_max),
        cmocka_unit_test(test_refined),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_failures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
