/* Spaces, transports, means and operators made of others, on explicit matrices: against closed
 * forms and LAPACK. */
#include <lapacke.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <pullback/space.h>
#include <pullback/svd.h>
#include <pullback/transport.h>

#include "base/memory.h"
#include "dense.h"
#include "geometry/assign.h"
#include "op_harness.h"

/* k orthonormal vectors of n numbers one after the other, times 1 (double) or rounded. */
static double *frame(size_t n, size_t k, unsigned seed)
{
    double *columns = random_columns(n, k, seed), *q = pb_malloc(n * k, sizeof *q);

    for (size_t i = 0; i < k; i++)
        for (size_t l = 0; l < n; l++)
            q[i * n + l] = columns[l * k + i];
    pb_free(columns);
    return q;
}

static float *narrow(const double *x, size_t count)
{
    float *y = pb_malloc(count, sizeof *y);

    for (size_t i = 0; i < count; i++)
        y[i] = (float)x[i];
    return y;
}

/* The space at `angles` from that of the first k vectors of f, towards the next k. */
static pb_space turned(size_t n, size_t k, const double *f, const double *angles, double times)
{
    pb_space space = {n, k, pb_malloc(n * k, sizeof(double))};

    for (size_t i = 0; i < k; i++)
        for (size_t l = 0; l < n; l++)
            space.q[i * n + l] =
                cos(times * angles[i]) * f[i * n + l] + sin(times * angles[i]) * f[(k + i) * n + l];
    return space;
}

enum { N = 60, K = 5 };
static const double ANGLES[K] = {1e-9, 1e-4, 0.3, 0.8, 1.3};

static void test_angles(void **state)
{
    double *f = frame(N, 2 * K, 1), found[K];
    const double none[K] = {0};
    pb_space a = turned(N, K, f, none, 0), b = turned(N, K, f, ANGLES, 1);
    pb_space wide = {N, 2 * K, f};

    (void)state;
    assert_int_equal(pb_space_angles(&a, &b, found, NULL), PB_OK);
    for (size_t i = 0; i < K; i++)
        assert_true(fabs(found[i] - ANGLES[i]) < 1e-14 + 1e-13 * ANGLES[i]);
    assert_int_equal(pb_space_angles(&a, &a, found, NULL), PB_OK);
    for (size_t i = 0; i < K; i++)
        assert_true(found[i] < 1e-14);
    assert_int_equal(pb_space_angles(&b, &wide, found, NULL), PB_OK); /* inside a wider one */
    for (size_t i = 0; i < K; i++)
        assert_true(found[i] < 1e-14);
    pb_space_clear(&a);
    pb_space_clear(&b);
    pb_free(f);
}

static void test_floats(void **state)
{
    double *f = frame(N, K, 2), found[K];
    float *vectors = narrow(f, N * K);
    pb_space a = PB_SPACE_EMPTY, b = PB_SPACE_EMPTY;
    pb_error error;

    (void)state;
    assert_int_equal(pb_space_new(&a, N, K, vectors, NULL), PB_OK);
    for (size_t l = 0; l < N; l++) { /* another basis of the same span */
        vectors[l] = 2 * vectors[l] + vectors[N + l];
        vectors[N + l] *= -3;
    }
    assert_int_equal(pb_space_new(&b, N, K, vectors, NULL), PB_OK);
    assert_int_equal(pb_space_angles(&a, &b, found, NULL), PB_OK);
    assert_true(found[K - 1] < 1e-6);
    pb_space_clear(&b);
    memcpy(vectors + N, vectors, N * sizeof *vectors);
    assert_int_equal(pb_space_new(&b, N, K, vectors, &error), PB_NUMERIC);
    assert_string_equal(error.message, "vector 1 of 5 depends on those before it");
    assert_int_equal(pb_space_new(&b, 3, 4, vectors, NULL), PB_INVALID);
    pb_space_clear(&a);
    pb_free(vectors);
    pb_free(f);
}

static void test_distances(void **state)
{
    const double right[2] = {M_PI / 2, M_PI / 2}, one[2] = {0, M_PI / 3};
    pb_distances d = pb_distances_of(2, one), most = pb_distances_largest(2);
    pb_distances all = pb_distances_ratio(pb_distances_of(2, right), most);

    (void)state;
    assert_true(fabs(d.geodesic - M_PI / 3) < 1e-15);
    assert_true(fabs(d.chordal - sqrt(0.75)) < 1e-15);
    assert_true(fabs(d.procrustes - 1) < 1e-15);
    assert_true(fabs(d.projection - sqrt(0.75)) < 1e-15);
    assert_true(fabs(all.geodesic - 1) < 1e-15 && fabs(all.chordal - 1) < 1e-15);
    assert_true(fabs(all.procrustes - 1) < 1e-15 && fabs(all.projection - 1) < 1e-15);
}

/* Against pairs of explicit random spaces. */
static void check_random(size_t n, size_t k)
{
    pb_distances fast, d = {0, 0, 0, 0};
    enum { DRAWS = 400 };

    assert_int_equal(pb_distances_random(&fast, n, k, 4000, 5, NULL, NULL), PB_OK);
    for (unsigned i = 0; i < DRAWS; i++) {
        double *fa = frame(n, k, 100 + 2 * i), *fb = frame(n, k, 101 + 2 * i), angles[K];
        pb_space a = {n, k, fa}, b = {n, k, fb};
        assert_int_equal(pb_space_angles(&a, &b, angles, NULL), PB_OK);
        pb_distances one = pb_distances_of(k, angles);
        d.geodesic += one.geodesic / DRAWS;
        d.projection += one.projection / DRAWS;
        pb_free(fa);
        pb_free(fb);
    }
    assert_true(fabs(fast.geodesic / d.geodesic - 1) < 0.03);
    assert_true(fabs(fast.projection / d.projection - 1) < 0.03);
}

static void test_random(void **state)
{
    (void)state;
    check_random(20, 3);
    check_random(7, 5);
    check_random(6, 5);
}

/* -- means ---------------------------------------------------------------------------------------
 */

static void test_karcher(void **state)
{
    static const double small[K] = {0.05, 0.2, 0.3, 0.5, 0.7};
    double *f = frame(N, 2 * K, 3), found[K];
    pb_space spaces[4] = {turned(N, K, f, small, 0), turned(N, K, f, small, 1),
                          turned(N, K, f, small, 0.2), turned(N, K, f, small, 0.8)};
    pb_space middle = turned(N, K, f, small, 0.5), mean = PB_SPACE_EMPTY;
    pb_mean_report report;

    (void)state;
    /* Two on a geodesic: the point half way. Four, symmetric about it: the same. */
    for (size_t count = 2; count <= 4; count += 2) {
        assert_int_equal(pb_mean_space(&mean, &report, count, spaces, NULL, NULL), PB_OK);
        assert_int_equal(pb_space_angles(&mean, &middle, found, NULL), PB_OK);
        assert_true(found[K - 1] < 1e-10);
        assert_false(report.chordal);
        assert_true(fabs(report.angle_largest - 0.35) < 1e-10);
        if (count == 2) {
            double square = 0;
            for (size_t i = 0; i < K; i++)
                square += small[i] * small[i] / 4;
            assert_true(fabs(report.spread - sqrt(square)) < 1e-10);
        }
        pb_space_clear(&mean);
    }
    /* Unsymmetric: the sum of logarithms vanishes at 0, 1, 0.2's mean. */
    assert_int_equal(pb_mean_space(&mean, &report, 3, spaces, NULL, NULL), PB_OK);
    pb_space third = turned(N, K, f, small, 0.4);
    assert_int_equal(pb_space_angles(&mean, &third, found, NULL), PB_OK);
    assert_true(found[K - 1] < 1e-10);
    pb_space_clear(&mean);
    pb_space_clear(&third);
    /* Too far apart for a Karcher mean to be unique. */
    pb_space far = turned(N, K, f, ANGLES, 1.15);
    pb_space both[2] = {spaces[0], far};
    const double half[K] = {0};
    (void)half;
    assert_int_equal(pb_mean_space(&mean, &report, 2, both, NULL, NULL), PB_OK);
    assert_false(report.chordal); /* 0.75 to each */
    pb_space_clear(&mean);
    pb_space_clear(&far);
    far = turned(N, K, f, ANGLES, -1);
    pb_space third_of[3] = {spaces[0], far, turned(N, K, f, ANGLES, 1)};
    assert_int_equal(pb_mean_space(&mean, &report, 3, third_of, NULL, NULL), PB_OK);
    assert_true(report.chordal && report.iterations == 0);
    assert_true(report.angle_largest > M_PI / 4);
    pb_space_clear(&mean);
    pb_space_clear(&far);
    pb_space_clear(&third_of[2]);
    for (size_t i = 0; i < 4; i++)
        pb_space_clear(&spaces[i]);
    pb_space_clear(&middle);
    pb_free(f);
}

static void test_assign(void **state)
{
    enum { SIZE = 6 };
    float values[SIZE * SIZE];
    double gain[SIZE * SIZE], best = -1e9;
    size_t match[SIZE], order[SIZE] = {0, 1, 2, 3, 4, 5}, counter[SIZE] = {0};

    (void)state;
    fill_random(values, SIZE * SIZE, 9);
    for (size_t i = 0; i < SIZE * SIZE; i++)
        gain[i] = (double)values[i];
    /* All permutations (Heap). */
    for (size_t i = 0; i < SIZE;) {
        double sum = 0;
        for (size_t j = 0; j < SIZE; j++)
            sum += gain[j * SIZE + order[j]];
        best = fmax(best, sum);
        while (i < SIZE && counter[i] >= i)
            counter[i++] = 0;
        if (i < SIZE) {
            size_t other = i % 2 ? counter[i] : 0, t = order[other];
            order[other] = order[i];
            order[i] = t;
            counter[i]++;
            i = 0;
        }
    }
    assert_int_equal(pb_assign(SIZE, gain, match, NULL), PB_OK);
    double found = 0;
    for (size_t j = 0; j < SIZE; j++)
        found += gain[j * SIZE + match[j]];
    assert_true(fabs(found - best) < 1e-12);
}

/* Samples that are the same directions in another order, with other signs, and a little noise. */
static void make_samples(const double *f, float *samples[3])
{
    static const size_t orders[3][K] = {{0, 1, 2, 3, 4}, {3, 0, 4, 2, 1}, {1, 2, 3, 4, 0}};

    for (unsigned s = 0; s < 3; s++) {
        float noise[N * K];
        samples[s] = pb_malloc(N * K, sizeof(float));
        fill_random(noise, N * K, 40 + s);
        for (size_t i = 0; i < K; i++)
            for (size_t l = 0; l < N; l++)
                samples[s][i * N + l] = (float)((s + i) % 2 ? -1.0 : 1.0) *
                                        ((float)f[orders[s][i] * N + l] + 1e-3f * noise[i * N + l]);
    }
}

static void test_directions(void **state)
{
    double *f = frame(N, K, 11), agreement[K];
    float *samples[3], out[N * K], average[N * K];
    const float *const *given = (const float *const *)samples;
    pb_space spaces[3] = {PB_SPACE_EMPTY, PB_SPACE_EMPTY, PB_SPACE_EMPTY}, mean = PB_SPACE_EMPTY;
    size_t match[3 * K];
    int sign[3 * K];

    (void)state;
    make_samples(f, samples);
    for (size_t s = 0; s < 3; s++)
        assert_int_equal(pb_space_new(&spaces[s], N, K, samples[s], NULL), PB_OK);
    assert_int_equal(pb_mean_space(&mean, NULL, 3, spaces, NULL, NULL), PB_OK);
    assert_int_equal(pb_mean_directions(&mean, N, K, 3, given, out, agreement, NULL, NULL), PB_OK);
    assert_int_equal(pb_match_directions(N, K, 3, given, match, sign, agreement, NULL, NULL),
                     PB_OK);
    assert_int_equal(pb_average_directions(N, K, 3, given, match, sign, average, NULL), PB_OK);
    assert_int_equal(match[0], 0); /* sample 0 is the reference */
    assert_int_equal(match[K + 0], 1);
    assert_int_equal(match[2 * K + 0], 4);
    for (size_t i = 0; i < K; i++) {
        double inside = 0, averaged = 0;
        for (size_t j = 0; j < K; j++) { /* each is one of f up to its sign */
            double a = 0, b = 0;
            for (size_t l = 0; l < N; l++) {
                a += (double)out[j * N + l] * f[i * N + l];
                b += (double)average[j * N + l] * f[i * N + l];
            }
            inside = fmax(inside, fabs(a));
            averaged = fmax(averaged, fabs(b));
        }
        assert_true(inside > 1 - 1e-4 && averaged > 1 - 1e-4);
        assert_true(agreement[i] > 0.99);
    }
    for (size_t s = 0; s < 3; s++) {
        pb_free(samples[s]);
        pb_space_clear(&spaces[s]);
    }
    pb_space_clear(&mean);
    pb_free(f);
}

/* -- operators
 * ------------------------------------------------------------------------------------- */

enum { ROWS = 40, COLS = 30 };

/* sum_i sigma_i u_i v_i^T with sigma = 1, 1/2, 1/3 … */
static dense spectral(double **u, double **v)
{
    dense d = {.m = ROWS, .n = COLS, .a = pb_calloc(ROWS * COLS, sizeof(double))};

    *u = frame(ROWS, COLS, 21);
    *v = frame(COLS, COLS, 22);
    for (size_t k = 0; k < COLS; k++)
        for (size_t i = 0; i < ROWS; i++)
            for (size_t j = 0; j < COLS; j++)
                d.a[i * COLS + j] +=
                    1.0 / (double)(k + 1) * (*u)[k * ROWS + i] * (*v)[k * COLS + j];
    return d;
}

static void check_sigma(const pb_operator *op, double *matrix, size_t rank)
{
    pb_svd_options options = PB_SVD_DEFAULTS;
    double sigma[COLS], rest[COLS];
    pb_svd *svd;

    assert_int_equal(LAPACKE_dgesvd(LAPACK_ROW_MAJOR, 'N', 'N', ROWS, COLS, matrix, COLS, sigma,
                                    NULL, ROWS, NULL, COLS, rest),
                     0);
    options.rank = rank;
    options.tolerance = 1e-6;
    assert_int_equal(pb_svd_compute(&svd, op, &options, NULL, NULL), PB_OK);
    assert_int_equal(svd->converged, rank);
    for (size_t i = 0; i < rank; i++)
        assert_true(fabs(svd->sigma[i] - sigma[i]) < 3e-6);
    pb_svd_free(svd);
}

static void test_weigh(void **state)
{
    double *u, *v, explicit[ROWS * COLS];
    dense d = spectral(&u, &v);
    pb_operator op = operator_of(&d), *weighed;
    float weights[ROWS];

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        weights[i] = i % 3 == 0 ? 0.0f : i % 3 == 1 ? 1.0f : 0.25f;
        for (size_t j = 0; j < COLS; j++)
            explicit[i * COLS + j] = (double)weights[i] * d.a[i * COLS + j];
    }
    assert_int_equal(pb_operator_weigh(&weighed, &op, ROWS, weights, NULL), PB_OK);
    check_sigma(weighed, explicit, 6);
    pb_operator_free(weighed);
    pb_free(u);
    pb_free(v);
    pb_free(d.a);
}

/* 2 A - W A / 2 with W = diag(weights) */
static void test_sum(void **state)
{
    double *u, *v, explicit[ROWS * COLS];
    dense d = spectral(&u, &v), small = {.m = 2, .n = 2};
    pb_operator op = operator_of(&d), other = operator_of(&small), *weighed, *sum;
    float weights[ROWS];

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        weights[i] = (float)i / ROWS;
        for (size_t j = 0; j < COLS; j++)
            explicit[i * COLS + j] = (2 - (double)weights[i] / 2) * d.a[i * COLS + j];
    }
    assert_int_equal(pb_operator_weigh(&weighed, &op, ROWS, weights, NULL), PB_OK);
    assert_int_equal(pb_operator_sum(&sum, 2, &op, -0.5, weighed, NULL), PB_OK);
    check_sigma(sum, explicit, 6);
    pb_operator_free(sum);
    assert_int_equal(pb_operator_sum(&sum, 1, &op, 1, &other, NULL), PB_INVALID);
    pb_operator_free(weighed);
    pb_free(u);
    pb_free(v);
    pb_free(d.a);
}

static void test_deflate(void **state)
{
    double *u, *v, explicit[ROWS * COLS];
    dense d = spectral(&u, &v);
    pb_operator op = operator_of(&d), *deflated;
    double *f = frame(COLS, 4, 33);
    float *vectors = narrow(f, COLS * 4);
    pb_svd_options options = PB_SVD_DEFAULTS;
    pb_svd *svd;

    (void)state;
    memcpy(explicit, d.a, sizeof explicit);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t k = 0; k < 4; k++) {
            double product = 0;
            for (size_t j = 0; j < COLS; j++)
                product += d.a[i * COLS + j] * f[k * COLS + j];
            for (size_t j = 0; j < COLS; j++)
                explicit[i * COLS + j] -= product * f[k * COLS + j];
        }
    assert_int_equal(pb_operator_deflate(&deflated, &op, 4, COLS, vectors, NULL), PB_OK);
    check_sigma(deflated, explicit, 6);
    options.rank = 6;
    options.tolerance = 1e-6;
    assert_int_equal(pb_svd_compute(&svd, deflated, &options, NULL, NULL), PB_OK);
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < 4; k++)
            assert_true(fabs(inner(svd->v + i * COLS, vectors + k * COLS, COLS)) < 1e-5);
    pb_svd_free(svd);
    pb_operator_free(deflated);
    pb_free(vectors);
    pb_free(f);
    pb_free(u);
    pb_free(v);
    pb_free(d.a);
}

/* x = sum s/(s^2 + damping^2) (u . b) v */
static void test_least_squares(void **state)
{
    double *u, *v;
    dense d = spectral(&u, &v);
    pb_operator op = operator_of(&d);
    float b[ROWS], x[COLS];
    pb_solution solution;

    (void)state;
    fill_random(b, ROWS, 8);
    for (int i = 0; i < 3; i++) {
        const double damping = i == 0 ? 0.3 : i == 1 ? 0.02 : 0;
        double expected[COLS] = {0}, norm = 0, off = 0;
        for (size_t k = 0; k < COLS; k++) {
            double s = 1.0 / (double)(k + 1), c = 0;
            for (size_t l = 0; l < ROWS; l++)
                c += u[k * ROWS + l] * (double)b[l];
            for (size_t l = 0; l < COLS; l++)
                expected[l] += s / (s * s + damping * damping) * c * v[k * COLS + l];
        }
        assert_int_equal(
            pb_least_squares(&solution, COLS, x, &op, ROWS, b, damping, 1e-9, 500, NULL, NULL),
            PB_OK);
        for (size_t l = 0; l < COLS; l++) {
            norm += expected[l] * expected[l];
            off += pow(expected[l] - (double)x[l], 2);
        }
        assert_true(sqrt(off / norm) < 3e-5);
        assert_true(fabs(solution.norm / sqrt(norm) - 1) < 3e-5);
        assert_true(solution.residual > 0 && solution.residual < 1);
    }
    assert_int_equal(pb_least_squares(&solution, COLS, x, &op, ROWS, b, -1, 1e-9, 0, NULL, NULL),
                     PB_INVALID);
    memset(b, 0, sizeof b);
    assert_int_equal(pb_least_squares(&solution, COLS, x, &op, ROWS, b, 0, 1e-9, 0, NULL, NULL),
                     PB_OK);
    assert_true(solution.norm == 0);
    d.stop_at = 1;
    d.applications = 0;
    assert_int_equal(pb_least_squares(&solution, COLS, x, &op, ROWS, b, 0, 1e-9, 0, NULL, NULL),
                     77);
    pb_free(u);
    pb_free(v);
    pb_free(d.a);
}

/* -- transport
 * --------------------------------------------------------------------------------------- */

/* The leading triplets as a basis file would hold them. */
static pb_basis basis_of(const double *u, const double *v, size_t k)
{
    pb_basis b = PB_BASIS_EMPTY;
    const size_t us[4] = {k, ROWS, 1, 1}, vs[4] = {k, COLS, 1, 1};

    assert_int_equal(pb_tensor_new(&b.u, 4, us, NULL), PB_OK);
    assert_int_equal(pb_tensor_new(&b.v, 4, vs, NULL), PB_OK);
    assert_int_equal(pb_tensor_new(&b.s, 1, &k, NULL), PB_OK);
    for (size_t i = 0; i < k * ROWS; i++)
        b.u.data[i] = (float)u[i];
    for (size_t i = 0; i < k * COLS; i++)
        b.v.data[i] = (float)v[i];
    for (size_t i = 0; i < k; i++)
        b.s.data[i] = 1.0f / (float)(i + 1);
    return b;
}

static void test_transport(void **state)
{
    double *u, *v, share;
    dense d = spectral(&u, &v);
    pb_basis b = basis_of(u, v, 6);
    pb_tensor out = PB_TENSOR_EMPTY, own = {.rank = 4, .shape = {1, ROWS, 1, 1}};
    float direction[ROWS], x[COLS];
    const pb_tensor given = {.rank = 4, .shape = {1, ROWS, 1, 1}, .data = direction};
    pb_tensor along = {.rank = 4, .shape = {1, COLS, 1, 1}, .data = x};

    (void)state;
    /* A direction of its own tangent space comes back. */
    own.data = b.u.data + 2 * ROWS;
    assert_int_equal(pb_transport(NULL, &b, PB_TRANSPORT_PROJECTION, &own, &out, &share, NULL),
                     PB_OK);
    assert_int_equal(pb_tensor_count(&out), COLS);
    assert_true(fabs(share - 1) < 1e-6);
    assert_true(fabs(inner(out.data, b.v.data + 2 * COLS, COLS) - 1) < 1e-6);
    pb_tensor_clear(&out);
    /* 3 u_1 + 4 u_4 + 12 outside, of length 13: 5/13 survive; in proportion 3 : 4, and by the
     * pseudo-inverse in proportion 3 * 2 : 4 * 5. */
    for (size_t l = 0; l < ROWS; l++)
        direction[l] = (float)(3 * u[1 * ROWS + l] + 4 * u[4 * ROWS + l] + 12 * u[20 * ROWS + l]);
    for (int inverse = 0; inverse < 2; inverse++) {
        double p = inverse ? 6 : 3, q = inverse ? 20 : 4, r = hypot(p, q);
        assert_int_equal(pb_transport(NULL, &b,
                                      inverse ? PB_TRANSPORT_INVERSE : PB_TRANSPORT_PROJECTION,
                                      &given, &out, &share, NULL),
                         PB_OK);
        assert_true(fabs(share - 5.0 / 13) < 1e-6);
        for (size_t l = 0; l < COLS; l++)
            assert_true(
                fabs((double)out.data[l] - (p * v[1 * COLS + l] + q * v[4 * COLS + l]) / r) < 1e-6);
        pb_tensor_clear(&out);
    }
    for (size_t l = 0; l < COLS; l++)
        x[l] = (float)(v[l] + v[25 * COLS + l]);
    assert_int_equal(pb_project(NULL, &b, &along, &share, NULL), PB_OK);
    assert_true(fabs(share - M_SQRT1_2) < 1e-6);
    assert_true(fabs(inner(x, b.v.data, COLS) - 1) < 1e-6);
    memset(direction, 0, sizeof direction);
    assert_int_equal(pb_transport(NULL, &b, PB_TRANSPORT_PROJECTION, &given, &out, &share, NULL),
                     PB_NUMERIC);
    b.s.data[3] = 0;
    assert_int_equal(pb_transport(NULL, &b, PB_TRANSPORT_INVERSE, &own, &out, &share, NULL),
                     PB_NUMERIC);
    pb_tensor_clear(&b.u);
    assert_int_equal(pb_transport(NULL, &b, PB_TRANSPORT_PROJECTION, &given, &out, &share, NULL),
                     PB_INVALID);
    pb_basis_clear(&b);
    pb_free(u);
    pb_free(v);
    pb_free(d.a);
}

static void test_power(void **state)
{
    enum { H = 12, W = 16, BANDS = 8 };
    float image[2 * H * W];
    double power[BANDS] = {0}, total = 0;

    (void)state;
    for (size_t i = 0; i < H * W; i++) { /* 3/16 and 4/12 cycles per pixel */
        image[i] = cosf((float)(2 * M_PI * 3 / W) * (float)(i % W));
        image[H * W + i] = 2 * cosf((float)(2 * M_PI * 4 / H) * (float)(i / W) + 1);
    }
    assert_int_equal(pb_radial_power(2, H, W, image, 0.5, BANDS, power, NULL), PB_OK);
    assert_true(fabs(power[3] - 0.5 * 0.2) < 1e-6);
    assert_true(fabs(power[5] - 0.5 * 0.8) < 1e-6);
    fill_random(image, H * W, 3);
    assert_int_equal(pb_radial_power(1, H, W, image, 1, BANDS, power, NULL), PB_OK);
    for (size_t i = 0; i < BANDS; i++)
        total += power[i];
    assert_true(fabs(total - 1.5) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_angles),        cmocka_unit_test(test_floats),
        cmocka_unit_test(test_distances),     cmocka_unit_test(test_random),
        cmocka_unit_test(test_karcher),       cmocka_unit_test(test_assign),
        cmocka_unit_test(test_directions),    cmocka_unit_test(test_weigh),
        cmocka_unit_test(test_sum),           cmocka_unit_test(test_deflate),
        cmocka_unit_test(test_least_squares), cmocka_unit_test(test_transport),
        cmocka_unit_test(test_power),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
