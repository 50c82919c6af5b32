/* The statistics of studies against closed forms, published tables, and sums done by hand. */
#include <math.h>
#include <stdlib.h>

#include "must.h"
#include "study/measures/statistics.h"

static const pb_bounds nowhere = {-INFINITY, INFINITY}, positive = {0, INFINITY};

static void expect_near(double found, double expected, double relative)
{
    if (!(fabs(found - expected) <= relative * fabs(expected)))
        fail_msg("%.12g, expected %.12g", found, expected);
}

/* The same estimate, to rounding. */
static void expect_estimate(pb_estimate found, pb_estimate expected)
{
    expect_near(found.value, expected.value, 1e-12);
    expect_near(found.low, expected.low, 1e-12);
    expect_near(found.high, expected.high, 1e-12);
    assert_int_equal(found.count, expected.count);
}

static void expect_no_interval(pb_estimate e, double value)
{
    assert_true(e.value == value || (isnan(e.value) && isnan(value)));
    assert_true(isnan(e.low) && isnan(e.high));
}

/* -- Student's t ------------------------------------------------------------------------------- */

/* The probability of -t … t: Abramowitz & Stegun, 26.7.3 and 26.7.4. */
static double probability(double t, size_t freedom)
{
    double angle = atan(t / sqrt((double)freedom)), c = cos(angle), sum = 0;
    double term = freedom % 2 ? c : 1;

    for (size_t k = 2 + freedom % 2; k <= freedom; k += 2) {
        sum += term;
        term *= (double)(k - 1) / (double)k * c * c;
    }
    return freedom % 2 ? 2 / M_PI * (angle + sin(angle) * sum) : sin(angle) * sum;
}

/* The t of 95 %. */
static double quantile(size_t freedom)
{
    double low = 0, high = 100;

    for (int i = 0; i < 100; i++) {
        double middle = (low + high) / 2;
        *(probability(middle, freedom) < 0.95 ? &low : &high) = middle;
    }
    return low;
}

/* The one that an interval is made with. */
static double used(size_t freedom)
{
    pb_estimate e = pb_interval(freedom + 1, 0, 1, nowhere);

    expect_near(e.low, -e.high, 1e-12);
    return e.high;
}

/* What is behind the test itself: closed forms, and the tables of Fisher & Yates (1938) as they are
 * printed everywhere. */
static void test_quantiles(void **state)
{
    static const struct {
        size_t freedom;
        double t;
    } table[] = {{1, 12.706}, {2, 4.303},  {3, 3.182},  {5, 2.571},  {10, 2.228},
                 {15, 2.131}, {20, 2.086}, {30, 2.042}, {60, 2.000}, {120, 1.980}};
    const double alpha = 4 * 0.975 * 0.025; /* Shaw 2006 */

    (void)state;
    expect_near(quantile(1), tan(M_PI * 0.475), 1e-12);
    expect_near(quantile(2), 0.95 * sqrt(2 / alpha), 1e-12);
    expect_near(quantile(4), 2 * sqrt(cos(acos(sqrt(alpha)) / 3) / sqrt(alpha) - 1), 1e-12);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_true(fabs(quantile(table[i].freedom) - table[i].t) <= 5.01e-4);
}

/* As near as the header says; the expansion's next term is 1.44/freedom^2 of it. */
static void test_student(void **state)
{
    (void)state;
    for (size_t freedom = PB_INTERVAL_LEAST - 1; freedom <= 14; freedom++)
        assert_true(fabs(used(freedom) - quantile(freedom)) <= 5.01e-4);
    for (size_t freedom = 15; freedom < 400; freedom++) {
        double share = used(freedom) / quantile(freedom);
        if (!(share <= 1 && share >= 1 - 1.5 / (double)(freedom * freedom) && share > 1 - 7e-3))
            fail_msg("%zu degrees of freedom: %g of the quantile", freedom, share);
    }
    expect_near(used(100000000), 1.959964, 1e-7);
}

/* -- intervals --------------------------------------------------------------------------------- */

/* Of few samples none; else within the bounds, and the value is the mean as it is. */
static void test_few(void **state)
{
    const double ranks[] = {49, 12, 48, 50};

    (void)state;
    for (size_t n = 1; n <= 4; n++) {
        pb_estimate e = pb_mean_of(n, ranks, (pb_bounds){1, 50});
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += ranks[i];
        assert_true(e.value == sum / (double)n && e.count == n);
        assert_int_equal(isnan(e.low) && isnan(e.high), n < 4);
        if (n == 4) /* Student's reaches to 69 */
            assert_true(e.low > 1 && e.low < e.value && e.high > e.value && e.high < 50);
    }
}

/* g(m) +- t s g'(m), taken back. */
static void test_scales(void **state)
{
    const double x[] = {0.1, 0.2, 0.4, 0.6};
    const double m = 0.325, s = sqrt((0.050625 + 0.015625 + 0.005625 + 0.075625) / 12);
    const double ts = 3.182 * s, odds = log(m / (1 - m)), half = ts / (m * (1 - m));
    const double z = atanh(m), width = ts / (1 - m * m);

    (void)state;
    expect_estimate(pb_mean_of(4, x, nowhere), (pb_estimate){m, m - ts, m + ts, 4});
    assert_true(m - ts < 0); /* which no share is */
    expect_estimate(pb_mean_of(4, x, positive),
                    (pb_estimate){m, m * exp(-ts / m), m * exp(ts / m), 4});
    expect_estimate(pb_mean_of(4, x, PB_SHARE),
                    (pb_estimate){m, 1 / (1 + exp(half - odds)), 1 / (1 + exp(-half - odds)), 4});
    expect_estimate(pb_mean_of(4, x, (pb_bounds){-1, 1}), /* Fisher's z */
                    (pb_estimate){m, tanh(z - width), tanh(z + width), 4});
    expect_estimate(pb_interval(4, 7 + m, s, (pb_bounds){7, INFINITY}), /* moved with its bound */
                    (pb_estimate){7 + m, 7 + m * exp(-ts / m), 7 + m * exp(ts / m), 4});
    expect_no_interval(pb_mean_of(0, x, PB_SHARE), NAN);
}

/* What all agree on is sure, on a bound too; what cannot be told is not. */
static void test_equal(void **state)
{
    const double zero[] = {0, 0, 0, 0, 0};
    double pairs[25] = {0};
    pb_estimate e = pb_mean_of(5, zero, PB_SHARE), p = pb_mean_of_pairs(5, pairs, PB_SHARE);

    (void)state;
    assert_true(e.low == 0 && e.high == 0 && p.low == 0 && p.high == 0);
    expect_no_interval(pb_mean_of_pairs(3, pairs, PB_SHARE), 0);
    expect_no_interval(pb_interval(5, 1, 0.1, PB_SHARE), 1);
    expect_no_interval(pb_interval(5, 0, 0.1, PB_SHARE), 0);
    expect_no_interval(pb_interval(5, 1.5, 0.1, PB_SHARE), 1.5);
    expect_no_interval(pb_interval(5, 0.5, NAN, PB_SHARE), 0.5);
    expect_no_interval(pb_interval(5, NAN, 0.1, PB_SHARE), NAN);
    expect_no_interval(pb_interval(5, NAN, 0, PB_SHARE), NAN);
}

/* -- the jackknife ----------------------------------------------------------------------------- */

/* n x n of which the upper half is given row by row; the diagonal is nobody's pair. */
static void fill_pairs(double *d, size_t n, const double *upper)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++)
            d[i * n + j] = d[j * n + i] = i == j ? 99 : *upper++;
}

/* Of pairs of means of two, the pairs' mean is the mean and its error the classical one. */
static void test_pairs_of_means(void **state)
{
    const double x[] = {0.31, 0.12, 0.87, 0.44, 0.58, 0.09, 0.66};
    const pb_bounds bounds[] = {nowhere, positive, PB_SHARE};
    double d[49];

    (void)state;
    for (size_t n = 4; n <= 7; n++) {
        for (size_t i = 0; i < n * n; i++)
            d[i] = i / n == i % n ? 99 : (x[i / n] + x[i % n]) / 2;
        for (size_t i = 0; i < 3; i++)
            expect_estimate(pb_mean_of_pairs(n, d, bounds[i]), pb_mean_of(n, x, bounds[i]));
    }
}

/* Pairs 1, 2, 4, 3, 5, 9, of mean 4; without each of the items 17/3, 15/3, 10/3, 6/3, which have
 * the mean 4 too: the error is sqrt(3/4 (25 + 9 + 4 + 36)/9). */
static void test_pairs_by_hand(void **state)
{
    const double upper[] = {1, 2, 4, 3, 5, 9};
    const double half = 3.182 * sqrt(37.0 / 6);
    double d[16];

    (void)state;
    fill_pairs(d, 4, upper);
    expect_estimate(pb_mean_of_pairs(4, d, nowhere), (pb_estimate){4, 4 - half, 4 + half, 4});
    fill_pairs(d, 3, upper);
    expect_no_interval(pb_mean_of_pairs(3, d, nowhere), 7.0 / 3);
    fill_pairs(d, 2, upper);
    expect_no_interval(pb_mean_of_pairs(2, d, nowhere), 1);
    expect_no_interval(pb_mean_of_pairs(1, d, nowhere), NAN);
    expect_no_interval(pb_mean_of_pairs(0, d, nowhere), NAN);
}

/* -- Spearman's correlation -------------------------------------------------------------------- */

static pb_estimate correlation(size_t n, const double *upper_x, const double *upper_y)
{
    double x[100], y[100];
    pb_estimate e;

    assert_true(n <= 10);
    fill_pairs(x, n, upper_x);
    fill_pairs(y, n, upper_y);
    MUST(pb_rank_correlation(&e, n, x, y, error));
    return e;
}

/* Ranks 1, 2.5, 2.5, 4, 5, 6 and 2, 1, 3.5, 3.5, 6, 5: 13.75/17. Without each of the four items
 * the three pairs that are left have 1/2, sqrt(3)/2 (of ranks 1.5, 1.5, 3), 1 and 1/2. */
static void test_ties(void **state)
{
    const double x[] = {1, 2, 2, 3, 4, 5}, y[] = {20, 10, 30, 30, 50, 40};
    const double r = 13.75 / 17, without[] = {0.5, sqrt(3) / 2, 1, 0.5};
    double centre = (2 + sqrt(3) / 2) / 4, square = 0, half;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        square += (without[i] - centre) * (without[i] - centre);
    half = 3.182 * sqrt(0.75 * square) / (1 - r * r);
    expect_estimate(correlation(4, x, y),
                    (pb_estimate){r, tanh(atanh(r) - half), tanh(atanh(r) + half), 4});
}

/* Without ties it is 1 - 6 sum d^2 / (m (m^2 - 1)), whatever the numbers. */
static void test_without_ties(void **state)
{
    enum { ITEMS = 7, PAIRS = ITEMS * (ITEMS - 1) / 2 };
    double x[PAIRS], y[PAIRS], squares = 0;

    (void)state;
    for (size_t i = 0; i < PAIRS; i++) { /* two permutations of 1 … 21 */
        size_t a = 5 * (i + 1) % 22, b = 7 * (i + 1) % 22;
        x[i] = exp((double)a);
        y[i] = -1 / (double)(b + 1);
        squares += ((double)a - (double)b) * ((double)a - (double)b);
    }
    expect_near(correlation(ITEMS, x, y).value, 1 - 6 * squares / (PAIRS * (PAIRS * PAIRS - 1.0)),
                1e-12);
}

/* Of 1 and -1 there is no interval, and there is nothing of what cannot be told. */
static void test_ends(void **state)
{
    const double up[] = {1, 2, 3, 4, 5, 6}, down[] = {6, 5, 4, 3, 2, 1},
                 flat[] = {7, 7, 7, 7, 7, 7};

    (void)state;
    expect_near(correlation(4, up, up).value, 1, 1e-12);
    expect_near(correlation(4, up, down).value, -1, 1e-12);
    assert_true(isnan(correlation(4, up, up).low) && isnan(correlation(4, up, down).high));
    expect_no_interval(correlation(4, up, flat), NAN);
    expect_no_interval(correlation(4, flat, up), NAN);
    expect_no_interval(correlation(2, up, up), NAN);
    expect_no_interval(correlation(0, up, up), NAN);
    assert_false(isnan(correlation(3, up, up).value)); /* three pairs of three items */
    assert_true(isnan(correlation(3, up, up).low));
}

/* Pairs of which either is no number are left out of both. */
static void test_left_out(void **state)
{
    const double x[] = {1, NAN, 3, 2, 5, 9}, y[] = {1, 2, 7, 4, NAN, 8};
    pb_estimate e = correlation(4, x, y);

    (void)state;
    expect_near(e.value, 1, 1e-12); /* 1, 3, 2, 9 and 1, 7, 4, 8 */
    assert_int_equal(e.count, 4);
    assert_true(isnan(e.low)); /* without item 3 two pairs are left */
    const double other[] = {1, 2, 7, 4, NAN, 6};
    expect_no_interval(correlation(4, x, other), 0.8); /* 1, 7, 4, 6: ranks 1, 4, 2, 3 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),     cmocka_unit_test(test_student),
        cmocka_unit_test(test_few),           cmocka_unit_test(test_scales),
        cmocka_unit_test(test_equal),         cmocka_unit_test(test_pairs_of_means),
        cmocka_unit_test(test_pairs_by_hand), cmocka_unit_test(test_ties),
        cmocka_unit_test(test_without_ties),  cmocka_unit_test(test_ends),
        cmocka_unit_test(test_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
