/* Spaces, means, operators and singular values, called with every combination of right and wrong
 * arguments (calls.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"

enum { N = 12, K = 3, COUNT = 2 };

/* -- spaces ----------------------------------------------------------------------------------- */

/* A space: right, NULL, empty, of no vectors, without vectors, of more than n, a vector more, of
 * vectors of one more, of 2^61 - 1 vectors. */
#define SPACES 9
static pb_space space_of(calls *c, size_t n, size_t k, unsigned seed, size_t variant)
{
    pb_space s = {.n = variant == 7 ? n + 1 : n, .k = variant == 6 ? k + 1 : k};
    float *random;

    if (variant == 2)
        return PB_SPACE_EMPTY;
    s.q = calls_bytes(c, s.n * s.k, sizeof *s.q);
    random = calls_floats(c, s.n * s.k, seed);
    pb_space made = PB_SPACE_EMPTY; /* orthonormal ones */
    assert_int_equal(pb_space_new(&made, s.n, s.k, random, NULL), PB_OK);
    memcpy(s.q, made.q, s.n * s.k * sizeof *s.q);
    pb_space_clear(&made);
    s.k = variant == 3 ? 0 : variant == 5 ? n + 1 : variant == 8 ? SIZE_MAX / 8 : s.k;
    s.q = variant == 4 ? NULL : s.q;
    return s;
}

static bool is_space(const pb_space *s)
{
    return s && s->q && s->k >= 1 && s->k <= s->n;
}

static void test_space_new(void **state)
{
    calls c = CALLS("pb_space_new", 4, POINTERS, LENGTHS, LENGTHS, POINTERS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_space s = PB_SPACE_EMPTY;
        size_t n = calls_length(N, c.at[1]), k = calls_length(K, c.at[2]);
        size_t all = n < 100 && k < 100 ? n * k : SIZE_MAX;
        const float *vectors = calls_pointer(calls_floats(&c, all, 1), c.at[3]);
        bool right = !c.at[0] && vectors && k >= 1 && k <= n && n < 100;

        if (!calls_judge(&c, pb_space_new(calls_pointer(&s, c.at[0]), n, k, vectors, &e), &e,
                         right ? RIGHT : WRONG))
            calls_hold(&c, !s.q, "the space is empty");
        pb_space_clear(&s);
    }
    calls_end(&c);
}

static void test_space_angles(void **state)
{
    calls c = CALLS("pb_space_angles", 3, SPACES, SPACES, POINTERS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_space a = space_of(&c, N, K, 1, c.at[0]), b = space_of(&c, N, K, 2, c.at[1]);
        const pb_space *pa = calls_pointer(&a, c.at[0] == 1), *pb = calls_pointer(&b, c.at[1] == 1);
        bool right = is_space(pa) && is_space(pb) && a.n == b.n && !c.at[2];
        size_t k = a.k < b.k ? a.k : b.k;
        double *angles = calls_pointer(calls_bytes(&c, k, sizeof *angles), c.at[2]);

        if (calls_judge(&c, pb_space_angles(pa, pb, angles, &e), &e, right ? RIGHT : WRONG))
            for (size_t i = 0; i < k; i++)
                calls_hold(&c, angles[i] >= 0 && angles[i] <= M_PI / 2 + 1e-9, "an angle");
    }
    calls_end(&c);
}

static void test_distances_random(void **state)
{
    /* 2^32: its square is 0 */
    calls c = CALLS("pb_distances_random", 4, POINTERS, LENGTHS + 1, LENGTHS + 1, LENGTHS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_distances mean = {0};
        size_t n = c.at[1] == LENGTHS ? (size_t)1 << 33 : calls_length(N, c.at[1]);
        size_t k = c.at[2] == LENGTHS ? (size_t)1 << 32 : calls_length(K, c.at[2]);
        size_t draws = calls_length(2, c.at[3]);
        bool right = !c.at[0] && k >= 1 && k <= n && k < 100 && draws && draws < 100;

        calls_judge(&c,
                    pb_distances_random(calls_pointer(&mean, c.at[0]), n, k, draws, 1, NULL, &e),
                    &e, right ? RIGHT : WRONG);
    }
    calls_end(&c);
}

static void test_space_pairs(void **state)
{
    calls c = CALLS("pb_space_pairs", 4, LENGTHS, POINTERS, SPACES, POINTERS, POINTERS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        size_t count = calls_length(COUNT, c.at[0]), there = count < 100 ? count : COUNT;
        pb_space *spaces = calls_bytes(&c, there, sizeof *spaces);
        pb_distances *distances = calls_bytes(&c, there * there, sizeof *distances);
        double *angles = calls_bytes(&c, there * there * (K + 1), sizeof *angles);
        bool right = count >= 1 && count < 100 && !c.at[1];

        if (c.at[2] == 1) /* no pointers here */
            continue;
        if (count > 100 && !c.at[1])
            continue; /* there are not so many */
        for (size_t i = 0; i < there; i++) {
            spaces[i] = space_of(&c, N, K, (unsigned)i, i + 1 == there ? c.at[2] : 0);
            right = right && is_space(&spaces[i]) && spaces[i].n == spaces->n &&
                    spaces[i].k == spaces->k;
        }
        if (calls_judge(&c,
                        pb_space_pairs(count, calls_pointer(spaces, c.at[1]),
                                       calls_pointer(distances, c.at[3]),
                                       calls_pointer(angles, c.at[4]), NULL, &e),
                        &e, right ? RIGHT : WRONG))
            calls_hold(&c, c.at[3] || distances[there * there - 1].geodesic == 0,
                       "nothing is away from itself");
    }
    calls_end(&c);
}

static void test_mean_space(void **state)
{
    calls c = CALLS("pb_mean_space", 5, POINTERS, POINTERS, LENGTHS, POINTERS, SPACES);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_space mean = PB_SPACE_EMPTY, *spaces;
        pb_mean_report report;
        size_t count = calls_length(COUNT, c.at[2]), there = count < 100 ? count : COUNT;
        bool right = !c.at[0] && !c.at[3] && count >= 1 && count < 100;

        if (c.at[4] == 1) /* no pointers here */
            continue;
        spaces = calls_bytes(&c, there, sizeof *spaces);
        for (size_t i = 0; i < there; i++) {
            spaces[i] = space_of(&c, N, K, (unsigned)i, i + 1 == there ? c.at[4] : 0);
            right = right && is_space(&spaces[i]) && spaces[i].n == spaces->n &&
                    spaces[i].k == spaces->k;
        }
        if (!calls_judge(&c,
                         pb_mean_space(calls_pointer(&mean, c.at[0]),
                                       calls_pointer(&report, c.at[1]), count,
                                       calls_pointer(spaces, c.at[3]), NULL, &e),
                         &e, right ? RIGHT : WRONG))
            calls_hold(&c, !mean.q, "the mean is empty");
        pb_space_clear(&mean);
    }
    calls_end(&c);
}

/* -- directions of samples -------------------------------------------------------------------- */

/* The arrays of `count` samples: right, NULL, the last of them NULL. */
#define SAMPLES 3
static const float **samples_of(calls *c, size_t n, size_t k, size_t count, size_t variant)
{
    size_t there = count < 100 ? count : 1;
    const float **all = calls_bytes(c, there, sizeof *all);

    for (size_t s = 0; s < there; s++)
        all[s] = calls_floats(c, n < 100 && k < 100 ? n * k : SIZE_MAX, (unsigned)s + 1);
    if (variant == 2 && there)
        all[there - 1] = NULL;
    return variant == 1 ? NULL : all;
}

static bool are_samples(size_t n, size_t k, size_t count, size_t variant)
{
    return n && k && count && n < 100 && k < 100 && count < 100 && !variant;
}

static void test_mean_directions(void **state)
{
    calls c = CALLS("pb_mean_directions", 3, SPACES, LENGTHS, LENGTHS, LENGTHS, SAMPLES, POINTERS,
                    POINTERS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_space mean = space_of(&c, N, K, 9, c.at[0]);
        size_t n = calls_length(N, c.at[1]), k = calls_length(K, c.at[2]);
        size_t count = calls_length(COUNT, c.at[3]);
        const float **samples = samples_of(&c, n, k, count, c.at[4]);
        float *out = calls_floats(&c, n < 100 && k < 100 ? n * k : SIZE_MAX, 1);
        double *agreement = calls_bytes(&c, k, sizeof *agreement);
        const pb_space *space = calls_pointer(&mean, c.at[0] == 1);
        bool right = is_space(space) && are_samples(n, k, count, c.at[4]) && mean.n == n &&
                     mean.k == k && !c.at[5] && !c.at[6];

        calls_judge(&c,
                    pb_mean_directions(space, n, k, count, samples, calls_pointer(out, c.at[5]),
                                       calls_pointer(agreement, c.at[6]), NULL, &e),
                    &e, right ? RIGHT : WRONG);
    }
    calls_end(&c);
}

static void test_match_directions(void **state)
{
    calls c = CALLS("pb_match_directions", 4, LENGTHS + 1, LENGTHS, LENGTHS, SAMPLES, POINTERS,
                    POINTERS, POINTERS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        /* 2^61: times 8, it is 0 */
        size_t n = c.at[0] == LENGTHS ? (size_t)1 << 61 : calls_length(N, c.at[0]);
        size_t k = calls_length(8, c.at[1]), count = calls_length(COUNT, c.at[2]);
        size_t all = k < 100 && count < 100 ? count * k : SIZE_MAX;
        const float **samples = samples_of(&c, n, k, count, c.at[3]);
        size_t *match = calls_pointer(calls_bytes(&c, all, sizeof *match), c.at[4]);
        int *sign = calls_pointer(calls_bytes(&c, all, sizeof *sign), c.at[5]);
        double *agreement = calls_pointer(calls_bytes(&c, k, sizeof *agreement), c.at[6]);
        bool right = are_samples(n, k, count, c.at[3]) && match && sign && agreement;

        calls_judge(&c, pb_match_directions(n, k, count, samples, match, sign, agreement, NULL, &e),
                    &e, right ? RIGHT : WRONG);
    }
    calls_end(&c);
}

static void test_average_directions(void **state)
{
    /* a match: right, k, 2^61 - 1; a sign: 1, 0, 7 */
    calls c = CALLS("pb_average_directions", 4, LENGTHS + 1, LENGTHS, LENGTHS, SAMPLES, POINTERS,
                    POINTERS, POINTERS, 3, 3);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        size_t n = c.at[0] == LENGTHS ? (size_t)1 << 61 : calls_length(N, c.at[0]);
        size_t k = calls_length(8, c.at[1]), count = calls_length(COUNT, c.at[2]);
        size_t all = k < 100 && count < 100 ? count * k : SIZE_MAX;
        const float **samples = samples_of(&c, n, k, count, c.at[3]);
        size_t *match = calls_bytes(&c, all, sizeof *match);
        int *sign = calls_bytes(&c, all, sizeof *sign);
        float *out = calls_floats(&c, n < 100 && k < 100 ? n * k : SIZE_MAX, 1);
        bool right = are_samples(n, k, count, c.at[3]) && !c.at[4] && !c.at[5] && !c.at[6] &&
                     !c.at[7] && !c.at[8];

        for (size_t i = 0; all < SIZE_MAX && i < all; i++)
            sign[i] = 1;
        if (all < SIZE_MAX && all) {
            match[all - 1] = c.at[7] == 1 ? k : c.at[7] ? SIZE_MAX / 8 : 0;
            sign[all - 1] = c.at[8] == 1 ? 0 : c.at[8] ? 7 : -1;
        }
        calls_judge(&c,
                    pb_average_directions(n, k, count, samples, calls_pointer(match, c.at[4]),
                                          calls_pointer(sign, c.at[5]), calls_pointer(out, c.at[6]),
                                          &e),
                    &e, right ? RIGHT : WRONG);
    }
    calls_end(&c);
}

static void test_radial_power(void **state)
{
    calls c = CALLS("pb_radial_power", 4, LENGTHS, LENGTHS, LENGTHS, POINTERS, NUMBERS, LENGTHS,
                    POINTERS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        size_t C = calls_length(2, c.at[0]), h = calls_length(4, c.at[1]);
        size_t w = calls_length(6, c.at[2]), bands = calls_length(5, c.at[5]);
        size_t all = C < 100 && h < 100 && w < 100 ? C * h * w : SIZE_MAX;
        const float *image = calls_pointer(calls_floats(&c, all, 1), c.at[3]);
        double *power = calls_pointer(calls_bytes(&c, bands, sizeof *power), c.at[6]);
        double weight = calls_number(0.5, c.at[4]);
        bool right =
            all && all < SIZE_MAX && bands && bands < 100 && image && power && isfinite(weight);

        calls_judge(&c, pb_radial_power(C, h, w, image, weight, bands, power, &e), &e,
                    right ? RIGHT : WRONG);
    }
    calls_end(&c);
}

/* -- operators -------------------------------------------------------------------------------- */

enum { ROWS = 9, COLS = 7 };

static void test_operator_weigh(void **state)
{
    calls c = CALLS("pb_operator_weigh", 4, POINTERS, OPERATORS, LENGTHS, POINTERS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_operator *out = NULL;
        calls_operator op = calls_operator_of(&c, ROWS, COLS, c.at[1]);
        size_t rows = calls_length(ROWS, c.at[2]);
        const float *weights = calls_pointer(calls_floats(&c, rows, 1), c.at[3]);
        bool right = !c.at[0] && calls_applies(&op) && rows == op.op.rows && weights;

        if (!calls_judge(
                &c,
                pb_operator_weigh(c.at[0] ? NULL : &out, calls_operator_at(&op), rows, weights, &e),
                &e, right ? RIGHT : WRONG))
            calls_hold(&c, !out, "there is no operator");
        pb_operator_free(out);
    }
    calls_end(&c);
}

static void test_operator_deflate(void **state)
{
    calls c = CALLS("pb_operator_deflate", 5, POINTERS, OPERATORS, LENGTHS, LENGTHS, POINTERS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_operator *out = NULL;
        calls_operator op = calls_operator_of(&c, ROWS, COLS, c.at[1]);
        size_t count = calls_length(2, c.at[2]), cols = calls_length(COLS, c.at[3]);
        size_t all = count < 100 && cols < 100 ? count * cols : SIZE_MAX;
        const float *vectors = calls_pointer(calls_floats(&c, all, 1), c.at[4]);
        bool right =
            !c.at[0] && calls_applies(&op) && cols == op.op.cols && count <= cols && vectors;

        if (!calls_judge(&c,
                         pb_operator_deflate(c.at[0] ? NULL : &out, calls_operator_at(&op), count,
                                             cols, vectors, &e),
                         &e, right ? RIGHT : WRONG))
            calls_hold(&c, !out, "there is no operator");
        pb_operator_free(out);
    }
    calls_end(&c);
}

static void test_operator_sum(void **state)
{
    calls c = CALLS("pb_operator_sum", 5, POINTERS, NUMBERS, OPERATORS, NUMBERS, OPERATORS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_operator *out = NULL;
        double scale = calls_number(1, c.at[1]), other_scale = calls_number(2, c.at[3]);
        calls_operator op = calls_operator_of(&c, ROWS, COLS, c.at[2]);
        calls_operator other = calls_operator_of(&c, ROWS, COLS, c.at[4]);
        bool right = !c.at[0] && calls_applies(&op) && calls_applies(&other) && isfinite(scale) &&
                     isfinite(other_scale) && op.op.rows == other.op.rows &&
                     op.op.cols == other.op.cols;

        if (!calls_judge(&c,
                         pb_operator_sum(c.at[0] ? NULL : &out, scale, calls_operator_at(&op),
                                         other_scale, calls_operator_at(&other), &e),
                         &e, right ? RIGHT : WRONG))
            calls_hold(&c, !out, "there is no operator");
        pb_operator_free(out);
    }
    calls_end(&c);
}

static void test_least_squares(void **state)
{
    calls c = CALLS("pb_least_squares", 3, POINTERS, LENGTHS, POINTERS, OPERATORS, LENGTHS,
                    POINTERS, NUMBERS, NUMBERS, LENGTHS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_solution solution;
        size_t cols = calls_length(COLS, c.at[1]), rows = calls_length(ROWS, c.at[4]);
        float *x = calls_pointer(calls_floats(&c, cols, 1), c.at[2]);
        calls_operator op = calls_operator_of(&c, ROWS, COLS, c.at[3]);
        const float *b = calls_pointer(calls_floats(&c, rows, 2), c.at[5]);
        double damping = calls_number(0.1, c.at[6]), tolerance = calls_number(1e-3, c.at[7]);
        size_t most = calls_length(5, c.at[8]); /* any: it ends by the tolerance, or it is exact */
        bool right = !c.at[0] && x && b && calls_applies(&op) && cols == op.op.cols &&
                     rows == op.op.rows && damping >= 0 && isfinite(damping) && tolerance >= 0;

        if (c.at[8] == 4 && tolerance <= 0)
            continue; /* nothing would end it */
        calls_judge(&c,
                    pb_least_squares(calls_pointer(&solution, c.at[0]), cols, x,
                                     calls_operator_at(&op), rows, b, damping, tolerance, most,
                                     NULL, &e),
                    &e, right ? RIGHT : WRONG);
    }
    calls_end(&c);
}

/* -- singular values -------------------------------------------------------------------------- */

/* Axes of options: NULL, rank, tolerance, method, block, max_basis, start, its count and length. */
#define OPTIONS POINTERS, LENGTHS, NUMBERS, 3, LENGTHS, LENGTHS, POINTERS, LENGTHS, LENGTHS

static pb_svd_options options_of(calls *c, const size_t *at)
{
    pb_svd_options o = PB_SVD_DEFAULTS;
    size_t count = calls_length(2, at[7]), length = calls_length(COLS, at[8]);

    o.rank = calls_length(K, at[1]);
    o.tolerance = calls_number(1e-3, at[2]);
    o.method = at[3] == 2 ? (pb_svd_method)99 : (pb_svd_method)at[3];
    o.block = calls_length(2, at[4]);
    o.max_basis = calls_length(6, at[5]);
    o.start = calls_floats(c, count < 100 && length < 100 ? count * length : SIZE_MAX, 3);
    o.start_count = count;
    o.start_length = length;
    if (at[6])
        o.start = NULL;
    return o;
}

static bool are_options(const pb_svd_options *o, const calls_operator *op)
{
    size_t rows = op->op.rows, cols = op->op.cols, most = rows < cols ? rows : cols;

    return o && o->rank >= 1 && o->rank <= most && o->tolerance > 0 && o->tolerance <= 1 &&
           (o->method == PB_SVD_KRYLOV || o->method == PB_SVD_SUBSPACE) &&
           (!o->start || (o->start_count && o->start_count < 100 && o->start_length == cols));
}

static void test_svd_compute(void **state)
{
    calls c = CALLS("pb_svd_compute", 3, POINTERS, OPERATORS, OPTIONS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_svd *svd = NULL;
        calls_operator op = calls_operator_of(&c, ROWS, COLS, c.at[1]);
        pb_svd_options o = options_of(&c, c.at + 2);
        const pb_svd_options *options = calls_pointer(&o, c.at[2]);
        bool right = !c.at[0] && calls_applies(&op) && are_options(options, &op);

        if (!calls_judge(
                &c,
                pb_svd_compute(c.at[0] ? NULL : &svd, calls_operator_at(&op), options, NULL, &e),
                &e, right ? RIGHT : WRONG))
            calls_hold(&c, !svd, "there is no SVD");
        pb_svd_free(svd);
    }
    calls_end(&c);
}

static void test_svd_refined(void **state)
{
    calls c = CALLS("pb_svd_refined", 2, POINTERS, OPERATORS, OPERATORS, OPTIONS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_svd *svd = NULL;
        calls_operator fast = calls_operator_of(&c, ROWS, COLS, c.at[1]);
        calls_operator op = calls_operator_of(&c, ROWS, COLS, c.at[2]);
        pb_svd_options o = options_of(&c, c.at + 3);
        const pb_svd_options *options = calls_pointer(&o, c.at[3]);
        bool right = !c.at[0] && calls_applies(&op) && calls_applies(&fast) &&
                     op.op.rows == fast.op.rows && op.op.cols == fast.op.cols &&
                     are_options(options, &op);

        if (!calls_judge(&c,
                         pb_svd_refined(c.at[0] ? NULL : &svd, calls_operator_at(&fast),
                                        calls_operator_at(&op), options, NULL, &e),
                         &e, right ? RIGHT : WRONG))
            calls_hold(&c, !svd, "there is no SVD");
        pb_svd_free(svd);
    }
    calls_end(&c);
}

static void test_svd_verify(void **state)
{
    calls c =
        CALLS("pb_svd_verify", 5, POINTERS, LENGTHS, LENGTHS, LENGTHS, 4, OPERATORS, POINTERS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_svd s = {.rows = calls_length(ROWS, c.at[1]),
                    .cols = calls_length(COLS, c.at[2]),
                    .rank = calls_length(K, c.at[3])};
        size_t rank = s.rank < 100 ? s.rank : 1;
        calls_operator op = calls_operator_of(&c, ROWS, COLS, c.at[5]);
        double *residual = calls_pointer(calls_bytes(&c, s.rank, sizeof *residual), c.at[6]);
        bool right = !c.at[0] && (!s.rank || !c.at[4]) && calls_applies(&op) &&
                     s.rows == op.op.rows && s.cols == op.op.cols && s.rank < 100 && residual;

        s.u = calls_pointer(calls_floats(&c, s.rows < 100 ? rank * s.rows : 1, 1), c.at[4] == 1);
        s.v = calls_pointer(calls_floats(&c, s.cols < 100 ? rank * s.cols : 1, 2), c.at[4] == 2);
        s.sigma = calls_pointer(calls_bytes(&c, s.rank, sizeof *s.sigma), c.at[4] == 3);
        calls_judge(
            &c,
            pb_svd_verify(calls_pointer(&s, c.at[0]), calls_operator_at(&op), residual, NULL, &e),
            &e, right ? RIGHT : WRONG);
    }
    calls_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_space_new),        cmocka_unit_test(test_space_angles),
        cmocka_unit_test(test_distances_random), cmocka_unit_test(test_space_pairs),
        cmocka_unit_test(test_mean_space),       cmocka_unit_test(test_mean_directions),
        cmocka_unit_test(test_match_directions), cmocka_unit_test(test_average_directions),
        cmocka_unit_test(test_radial_power),     cmocka_unit_test(test_operator_weigh),
        cmocka_unit_test(test_operator_deflate), cmocka_unit_test(test_operator_sum),
        cmocka_unit_test(test_least_squares),    cmocka_unit_test(test_svd_compute),
        cmocka_unit_test(test_svd_refined),      cmocka_unit_test(test_svd_verify),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
