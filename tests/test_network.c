/* Whole networks against golden values of diffusers, and the adjoint test for maps between all
 * pairs of taps. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/order.h"
#include "map/linearisation.h"
#include "networks.h"
#include "op_harness.h"

#define LINEAR 3e-6 /* docs/mathematics.md; of a point that is not exact, half are off by more */

/* Networks, the golden values at one size (odd ones do not halve), and how near taps come to them:
 * evaluations are not exact as the point of a linearisation is, and come as near but for one. */
typedef struct golden_network {
    const char *folder, *io;
    double tolerance;
} golden_network;

static const golden_network networks[] = {
    {"unet2d-ddpm", "io", 3e-6},      {"unet2d-modern", "io", 1e-5},
    {"unet2d-cond-sd1", "io", 3e-6},  {"unet2d-cond-sd2", "io", 3e-6},
    {"unet2d-cond-sd1", "odd", 3e-6}, {"unet2d-cond-sd2", "odd", 3e-6},
};
#define NETWORKS (sizeof networks / sizeof *networks)

/* Every tap with a golden value; several points at once give each the same value. */
static void test_taps(void **state)
{
    (void)state;
    for (size_t i = 0; i < NETWORKS; i++) {
        network n = open_network(networks[i].folder, networks[i].io);
        const pb_condition condition = n.condition;
        size_t size = pb_tensor_count(&n.x);
        const char *tap;
        pb_evaluator *e;
        float *points = pb_malloc(3 * size, sizeof *points);

        for (size_t j = 0; j < 3; j++)
            memcpy(points + j * size, n.x.data, size * sizeof *points);
        MUST(pb_evaluator_new(&e, n.model, n.x.shape[2], n.x.shape[3], NULL, error));
        for (size_t k = 0; (tap = pb_model_tap(n.model, k)) != NULL; k++) {
            const char *name = strcmp(tap, "out") ? tap : "eps";
            pb_tensor expected;
            size_t shape[3], count;
            float *values;

            if (!strcmp(tap, "x"))
                continue;
            expected = golden(n.io, "out.%s", name);
            count = pb_tensor_count(&expected);
            MUST(pb_model_tap_shape(n.model, tap, n.x.shape[2], n.x.shape[3], shape, error));
            assert_int_equal(count, shape[0] * shape[1] * shape[2]);
            values = pb_malloc(3 * count, sizeof *values);
            MUST(pb_evaluate(e, &condition, 3, pb_tensor_count(&n.x), points, 1, &name, &values,
                             error));
            for (size_t j = 0; j < 3; j++)
                assert_near(tap, values + j * count, expected.data, count, networks[i].tolerance);
            pb_free(values);
            pb_tensor_clear(&expected);
        }
        pb_free(points);
        pb_evaluator_free(e);
        close_network(&n);
    }
}

static void test_jvp_vjp(void **state)
{
    static const char *const taps[] = {"mid", "eps"};

    (void)state;
    for (size_t i = 0; i < NETWORKS; i++) {
        network n = open_network(networks[i].folder, networks[i].io);
        for (size_t k = 0; k < 2; k++) {
            pb_linearisation *l = linearise_network(&n, "x", taps[k], 0);
            pb_tensor v = golden(n.io, "v"), u = golden(n.io, "u.%s", taps[k]);
            pb_tensor jvp = golden(n.io, "jvp.%s", taps[k]);
            pb_tensor vjp = golden(n.io, "vjp.%s", taps[k]);
            pb_tensor down = apply_to(l, false, v.data), up = apply_to(l, true, u.data);

            assert_near("jvp", down.data, jvp.data, pb_tensor_count(&jvp), LINEAR);
            assert_near("vjp", up.data, vjp.data, pb_tensor_count(&vjp), LINEAR);
            pb_tensor_clear(&down);
            pb_tensor_clear(&up);
            pb_tensor_clear(&jvp);
            pb_tensor_clear(&vjp);
            pb_tensor_clear(&u);
            pb_tensor_clear(&v);
            pb_linearisation_free(l);
        }
        close_network(&n);
    }
}

/* <J v, u> = <v, J^T u> for `k` vectors with gaps between them. */
static void check_adjoint(const pb_linearisation *l, size_t k, const char *what)
{
    const pb_operator *op = pb_linearisation_operator(l);
    size_t ldx = op->cols + 5, ldy = op->rows + 3;
    float *v = pb_malloc(k * ldx, sizeof *v), *u = pb_malloc(k * ldy, sizeof *u);
    float *jv = pb_malloc(k * ldy, sizeof *jv), *ju = pb_malloc(k * ldx, sizeof *ju);

    fill_random(v, k * ldx, 1);
    fill_random(u, k * ldy, 2);
    MUST(op->apply(op->context, k, v, ldx, jv, ldy, error));
    MUST(op->apply_transpose(op->context, k, u, ldy, ju, ldx, error));
    for (size_t j = 0; j < k; j++) {
        double left = inner(jv + j * ldy, u + j * ldy, op->rows);
        double right = inner(v + j * ldx, ju + j * ldx, op->cols);
        double norm = sqrt(inner(jv + j * ldy, jv + j * ldy, op->rows) *
                           inner(u + j * ldy, u + j * ldy, op->rows));
        if (!(fabs(left - right) <= 5e-6 * norm))
            fail_msg("%s: <Jv,u> = %.9g, <v,J'u> = %.9g, norms %.3g", what, left, right, norm);
    }
    pb_free(v);
    pb_free(u);
    pb_free(jv);
    pb_free(ju);
}

/* All maps: every pair of taps along the network. */
static void test_adjoint(void **state)
{
    (void)state;
    for (size_t i = 0; i < NETWORKS; i++) {
        network n = open_network(networks[i].folder, networks[i].io);
        const char *taps[32], *tap;
        size_t count = 0;
        char what[64];

        while ((tap = pb_model_tap(n.model, count)) != NULL)
            taps[count++] = tap;
        for (size_t a = 0; a < count; a++)
            for (size_t b = a; b < count + 2; b++) {
                const char *to = b < count ? taps[b] : b == count ? "eps" : "x0";
                pb_linearisation *l = linearise_network(&n, taps[a], to, 0);
                snprintf(what, sizeof what, "%s -> %s", taps[a], to);
                check_adjoint(l, 3, what);
                pb_linearisation_free(l);
            }
        close_network(&n);
    }
}

/* k vectors, `ld` apart, through an operator. */
static float *product(const pb_operator *op, bool transpose, size_t k, const float *x, size_t ldx,
                      size_t ldy)
{
    float *y = pb_calloc(k * ldy, sizeof *y);

    assert_non_null(y);
    MUST((transpose ? op->apply_transpose : op->apply)(op->context, k, x, ldx, y, ldy, error));
    return y;
}

/* What the public operator does in C, H, W the engine's does in H, W, C, to the bit; with gaps
 * between the vectors, in blocks of any width. */
static void check_order(const pb_linearisation *l, bool bf16, bool transpose)
{
    const pb_operator *op = bf16 ? pb_linearisation_operator_bf16(l) : pb_linearisation_operator(l);
    const pb_operator *engine = pb_linearisation_engine(l, bf16);
    size_t from[3], to[3], *in = transpose ? to : from, *out = transpose ? from : to;
    size_t in_size, out_size, k = 11, gap = 3;
    float *x, *hwc, *chw, *y, *z;

    pb_linearisation_shapes(l, from, to);
    in_size = in[0] * in[1] * in[2];
    out_size = out[0] * out[1] * out[2];
    x = pb_malloc(k * (in_size + gap), sizeof *x);
    hwc = pb_malloc(k * in_size, sizeof *hwc);
    chw = pb_malloc(out_size, sizeof *chw);
    assert_true(x && hwc && chw);
    fill_random(x, k * (in_size + gap), 5);
    for (size_t j = 0; j < k; j++)
        pb_to_hwc(hwc + j * in_size, x + j * (in_size + gap), 1, in[0], in[1], in[2]);
    y = product(op, transpose, k, x, in_size + gap, out_size + gap);
    z = product(engine, transpose, k, hwc, in_size, out_size);
    for (size_t j = 0; j < k; j++) {
        pb_to_chw(chw, z + j * out_size, 1, out[0], out[1], out[2]);
        assert_memory_equal(y + j * (out_size + gap), chw, out_size * sizeof *chw);
        for (size_t i = 0; i < gap; i++)
            assert_true(y[j * (out_size + gap) + out_size + i] == 0);
    }
    pb_free(x);
    pb_free(hwc);
    pb_free(chw);
    pb_free(y);
    pb_free(z);
}

static void test_order(void **state)
{
    static const struct {
        const char *from, *to;
    } maps[] = {{"x", "mid"}, {"x", "eps"}, {"mid", "out"}};

    (void)state;
    for (size_t i = 0; i < NETWORKS; i++) {
        network n = open_network(networks[i].folder, networks[i].io);
        for (size_t j = 0; j < sizeof maps / sizeof *maps; j++) {
            pb_linearisation *l = linearise_network(&n, maps[j].from, maps[j].to, 0);
            for (int way = 0; way < (i ? 2 : 4); way++)
                check_order(l, way / 2, way % 2);
            pb_linearisation_free(l);
        }
        close_network(&n);
    }
}

/* What is no block of vectors is refused. */
static void test_vectors(void **state)
{
    network n = open_network(networks[0].folder, networks[0].io);
    pb_linearisation *l = linearise_network(&n, "x", "mid", 0);
    const pb_operator *op = pb_linearisation_operator(l);
    float *x = pb_calloc(2 * (op->rows + op->cols), sizeof *x), *y = x + 2 * op->cols;
    pb_error error = {0};

    (void)state;
    assert_non_null(x);
    assert_int_equal(op->apply(op->context, 1, NULL, op->cols, y, op->rows, &error), PB_INVALID);
    assert_int_equal(op->apply(op->context, 1, x, op->cols, NULL, op->rows, &error), PB_INVALID);
    assert_int_equal(op->apply(op->context, 2, x, op->cols - 1, y, op->rows, &error), PB_INVALID);
    assert_int_equal(op->apply_transpose(op->context, 2, y, op->rows, x, op->cols - 1, &error),
                     PB_INVALID);
    assert_int_equal(op->apply(op->context, 2, x, op->cols, y, op->rows, &error), PB_OK);
    pb_free(x);
    pb_linearisation_free(l);
    close_network(&n);
}

/* Blocks of any width, chunked to any memory, give the same vectors. */
static void check_chunks(golden_network g)
{
    network n = open_network(g.folder, g.io);
    pb_linearisation *wide = linearise_network(&n, "x", "mid", 0),
                     *narrow = linearise_network(&n, "x", "mid", 1);
    const pb_operator *a = pb_linearisation_operator(wide), *b = pb_linearisation_operator(narrow);
    const size_t k = 19;
    float *v = pb_malloc(k * a->cols, sizeof *v), *y = pb_malloc(k * a->rows, sizeof *y);
    float *z = pb_malloc(k * a->rows, sizeof *z);

    assert_int_equal(b->block_preferred, 1);
    fill_random(v, k * a->cols, 3);
    MUST(a->apply(a->context, k, v, a->cols, y, a->rows, error));
    MUST(b->apply(b->context, k, v, a->cols, z, a->rows, error));
    assert_near("chunks", z, y, k * a->rows, 2e-6);
    pb_free(v);
    pb_free(y);
    pb_free(z);
    pb_linearisation_free(wide);
    pb_linearisation_free(narrow);
    close_network(&n);
}

static void test_chunks(void **state)
{
    (void)state;
    check_chunks(networks[0]);
    check_chunks(networks[4]);
}

/* The derivative of mid -> eps and of down.0 -> out (also through the skip connection) against
 * differences of the network itself is out of reach from outside; but maps compose: x -> eps
 * varies only through mid and the skips, so for a map beyond which nothing else varies the chain
 * rule must hold exactly: J(x->out) = J(up.last->out) J(x->up.last). */
static void test_chain_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < NETWORKS; i++) {
        network n = open_network(networks[i].folder, networks[i].io);
        const char *last = "x", *tap;
        for (size_t k = 0; (tap = pb_model_tap(n.model, k)) != NULL && strcmp(tap, "out"); k++)
            last = tap;
        pb_linearisation *whole = linearise_network(&n, "x", "out", 0);
        pb_linearisation *first = linearise_network(&n, "x", last, 0);
        pb_linearisation *second = linearise_network(&n, last, "out", 0);
        pb_tensor v = golden(n.io, "v");
        pb_tensor direct = apply_to(whole, false, v.data);
        pb_tensor half = apply_to(first, false, v.data);
        pb_tensor twice = apply_to(second, false, half.data);

        assert_near("chain rule", twice.data, direct.data, pb_tensor_count(&direct), 1e-5);
        pb_tensor_clear(&v);
        pb_tensor_clear(&direct);
        pb_tensor_clear(&half);
        pb_tensor_clear(&twice);
        pb_linearisation_free(whole);
        pb_linearisation_free(first);
        pb_linearisation_free(second);
        close_network(&n);
    }
}

static void expect_failure(const network *n, const char *from, const char *to, double t,
                           size_t size, const char *message)
{
    pb_map_options options = PB_MAP_DEFAULTS;
    pb_linearisation *l = NULL;
    const size_t channels = n->x.shape[1];
    const pb_tensor x = {.rank = 3, .shape = {channels, size, size}, .data = n->x.data};
    pb_error error = {0};

    options.from = from;
    options.to = to;
    options.condition.timestep = t;
    assert_int_equal(pb_linearise(&l, n->model, &options, &x, NULL, &error), PB_INVALID);
    if (!strstr(error.message, message))
        fail_msg("expected \"%s\", found \"%s\"", message, error.message);
}

static void test_errors(void **state)
{
    network n = open_network(networks[0].folder, networks[0].io);

    (void)state;
    expect_failure(&n, "x", "middle", 5, 16, "no tap \"middle\" (known: x, down.0");
    expect_failure(&n, "up.0", "mid", 5, 16, "no map from \"up.0\" to \"mid\"");
    expect_failure(&n, "eps", "out", 5, 16, "cannot begin at \"eps\"");
    expect_failure(&n, "x", "mid", 1000, 16, "timestep 1000: expected 0 to 999");
    expect_failure(&n, "x", "mid", NAN, 16, "timestep");
    expect_failure(&n, "x", "mid", 5, 15, "multiples of 4");
    expect_failure(&n, "x", "mid", 5, 0, "any x any numbers");
    close_network(&n);
    n = open_network(networks[2].folder, networks[2].io);
    expect_failure(&n, "x", "mid", 5, 8, "conditioned on text");
    close_network(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taps),       cmocka_unit_test(test_jvp_vjp),
        cmocka_unit_test(test_adjoint),    cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_order),      cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_chain_rule), cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
