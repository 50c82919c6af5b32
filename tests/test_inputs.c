/* What a network is conditioned on, by name: as a point of the condition, and as where a map
 * begins. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "networks.h"
#include "op_harness.h"

/* A tap with the context moved by h along a direction. */
static float *evaluate(const network *n, const char *tap, double h, const float *direction)
{
    pb_tensor context = PB_TENSOR_EMPTY;
    const pb_input input = {"context", &context};
    pb_condition condition = n->condition;
    size_t shape[3];
    pb_evaluator *e;
    float *out;

    MUST(pb_tensor_copy(&context, &n->context, error));
    for (size_t i = 0; i < pb_tensor_count(&context); i++)
        context.data[i] = (float)((double)context.data[i] + h * (double)direction[i]);
    condition.inputs = &input;
    MUST(pb_model_tap_shape(n->model, tap, n->x.shape[2], n->x.shape[3], shape, error));
    out = pb_malloc(shape[0] * shape[1] * shape[2], sizeof *out);
    assert_non_null(out);
    MUST(pb_evaluator_new(&e, n->model, n->x.shape[2], n->x.shape[3], NULL, error));
    MUST(pb_evaluate(e, &condition, 1, pb_tensor_count(&n->x), n->x.data, 1, &tap, &out, error));
    pb_evaluator_free(e);
    pb_tensor_clear(&context);
    return out;
}

/* J v against central differences, and J^T by the adjoint identity; in the order of the context. */
static void check_map(const network *n, const char *tap)
{
    const double h = 1e-2;
    pb_linearisation *l = linearise_network(n, "context", tap, 0);
    const pb_operator *op = pb_linearisation_operator(l);
    float *v = pb_malloc(op->cols, sizeof *v), *u = pb_malloc(op->rows, sizeof *u);
    float *jv = pb_malloc(op->rows, sizeof *jv), *ju = pb_malloc(op->cols, sizeof *ju);
    float *high, *low;
    size_t from[3], to[3];
    double norm;

    assert_true(v && u && jv && ju);
    pb_linearisation_shapes(l, from, to);
    assert_true(from[0] == 1 && from[1] == n->context.shape[1] && from[2] == n->context.shape[2]);
    assert_int_equal(op->cols, pb_tensor_count(&n->context));
    fill_random(v, op->cols, 1);
    fill_random(u, op->rows, 2);
    MUST(op->apply(op->context, 1, v, op->cols, jv, op->rows, error));
    MUST(op->apply_transpose(op->context, 1, u, op->rows, ju, op->cols, error));
    norm = sqrt(inner(jv, jv, op->rows) * inner(u, u, op->rows));
    assert_true(norm > 0);
    assert_true(fabs(inner(jv, u, op->rows) - inner(v, ju, op->cols)) <= 5e-6 * norm);
    high = evaluate(n, tap, h, v);
    low = evaluate(n, tap, -h, v);
    for (size_t i = 0; i < op->rows; i++)
        high[i] = (float)(((double)high[i] - (double)low[i]) / (2 * h));
    assert_near(tap, high, jv, op->rows, 2e-3);
    pb_free(high);
    pb_free(low);
    pb_free(v);
    pb_free(u);
    pb_free(jv);
    pb_free(ju);
    pb_linearisation_free(l);
}

static void test_maps(void **state)
{
    static const char *const taps[] = {"mid", "up.0", "eps", "x0"};

    (void)state;
    for (int second = 0; second < 2; second++) { /* of noise, and of v */
        network n = open_network(second ? "unet2d-cond-sd2" : "unet2d-cond-sd1", "io");
        for (size_t i = 0; i < sizeof taps / sizeof *taps; i++)
            check_map(&n, taps[i]);
        close_network(&n);
    }
}

/* Where no map begins. */
static void test_no_maps(void **state)
{
    static const struct {
        const char *from, *why;
        pb_status status;
    } cases[] = {
        {"timestep", "time embedding: the backend \"cpu\" has no derivative of it", PB_UNSUPPORTED},
        {"contxt", "this network has no tap \"contxt\"", PB_INVALID},
        {"eps", "a map cannot begin at \"eps\"", PB_INVALID},
    };
    network n = open_network("unet2d-cond-sd1", "io");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pb_map_options options = PB_MAP_DEFAULTS;
        pb_linearisation *l;
        pb_error why = {0};
        options.from = cases[i].from;
        options.condition = n.condition;
        assert_int_equal(pb_linearise(&l, n.model, &options, &n.x, NULL, &why), cases[i].status);
        if (!strstr(why.message, cases[i].why))
            fail_msg("%s: %s", cases[i].from, why.message);
    }
    close_network(&n);
}

static void refuse(const network *n, size_t count, const pb_input *inputs, const char *expected)
{
    pb_condition condition = n->condition;
    const char *tap = "out";
    float *out = pb_malloc(pb_tensor_count(&n->x), sizeof *out);
    pb_evaluator *e;
    pb_error why = {0};

    assert_non_null(out);
    condition.count = count;
    condition.inputs = inputs;
    MUST(pb_evaluator_new(&e, n->model, n->x.shape[2], n->x.shape[3], NULL, error));
    assert_int_equal(
        pb_evaluate(e, &condition, 1, pb_tensor_count(&n->x), n->x.data, 1, &tap, &out, &why),
        PB_INVALID);
    if (!strstr(why.message, expected))
        fail_msg("expected \"%s\", found \"%s\"", expected, why.message);
    pb_evaluator_free(e);
    pb_free(out);
}

static void test_conditions(void **state)
{
    network n = open_network("unet2d-cond-sd1", "io");
    pb_tensor context = n.context, wide = n.context, none = PB_TENSOR_EMPTY;
    pb_tensor two = n.context, deep = n.context, ranks = n.context, bad = PB_TENSOR_EMPTY;
    const pb_input right = {"context", &context}, twice[2] = {right, right};

    (void)state;
    wide.shape[1] *= 2;
    wide.shape[2] /= 2;
    refuse(&n, 0, NULL, "it needs a context of");
    refuse(&n, 2, twice, "two tensors \"context\"");
    refuse(&n, 1, &(pb_input){"contex", &context}, "did you mean \"context\"?");
    refuse(&n, 1, &(pb_input){"x", &n.x}, "a tensor \"x\" for a network that takes none such");
    refuse(&n, 1, &(pb_input){"context", &wide}, "context: expected any x 24 numbers, found 1 x");
    refuse(&n, 1, &(pb_input){"context", &none}, "numbers");
    two.shape[0] = 2; /* of half as many tokens each */
    two.shape[1] /= 2;
    refuse(&n, 1, &(pb_input){"context", &two}, "context: expected any x 24 numbers, found 2 x");
    deep = (pb_tensor){4, {1, 1, n.context.shape[1], n.context.shape[2]}, n.context.data};
    refuse(&n, 1, &(pb_input){"context", &deep}, "context: expected any x 24 numbers, found 1 x 1");
    ranks.rank = 99; /* of which a tensor holds eight extents */
    refuse(&n, 1, &(pb_input){"context", &ranks}, "context: expected any x 24 numbers");
    MUST(pb_tensor_copy(&bad, &n.context, error));
    bad.data[3] = INFINITY;
    refuse(&n, 1, &(pb_input){"context", &bad}, "context: expected finite numbers, found inf at 3");
    pb_tensor_clear(&bad);
    refuse(&n, 1, &(pb_input){NULL, &context}, "the name of a tensor");
    refuse(&n, 1, NULL, "a condition's tensors");
    close_network(&n);
    n = open_network("unet2d-ddpm", "io");
    refuse(&n, 1, &(pb_input){"context", &n.x}, "for a network that takes none such");
    close_network(&n);
}

/* Points that are not finite. */
static void test_points(void **state)
{
    network n = open_network("unet2d-ddpm", "io");
    size_t size = pb_tensor_count(&n.x);
    const char *tap = "mid";
    float *out = pb_malloc(2 * 64 * size, sizeof *out), *x = pb_malloc(2 * size, sizeof *x);
    pb_error why = {0};
    pb_evaluator *e;

    (void)state;
    assert_true(out && x);
    memcpy(x, n.x.data, size * sizeof *x);
    memcpy(x + size, n.x.data, size * sizeof *x);
    MUST(pb_evaluator_new(&e, n.model, n.x.shape[2], n.x.shape[3], NULL, error));
    MUST(pb_evaluate(e, &n.condition, 2, size, x, 1, &tap, &out, error));
    x[2 * size - 1] = NAN;
    assert_int_equal(pb_evaluate(e, &n.condition, 2, size, x, 1, &tap, &out, &why), PB_INVALID);
    assert_non_null(strstr(why.message, "points: expected finite numbers"));
    MUST(pb_evaluate(e, &n.condition, 1, size, x, 1, &tap, &out, error));
    pb_evaluator_free(e);
    pb_free(x);
    pb_free(out);
    close_network(&n);
}

/* Where a map may begin has a shape: the taps, and the context as a model of its kind has it. */
static void test_shapes(void **state)
{
    network n = open_network("unet2d-cond-sd1", "io");
    size_t shape[3];
    pb_error why = {0};

    (void)state;
    MUST(pb_model_tap_shape(n.model, "context", 16, 16, shape, error));
    assert_true(shape[0] == 1 && shape[1] == 77 && shape[2] == 24);
    assert_int_equal(pb_model_tap_shape(n.model, "timestep", 16, 16, shape, &why), PB_INVALID);
    close_network(&n);
    n = open_network("unet2d-ddpm", "io");
    assert_int_equal(pb_model_tap_shape(n.model, "context", 16, 16, shape, &why), PB_INVALID);
    close_network(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps),       cmocka_unit_test(test_no_maps),
        cmocka_unit_test(test_conditions), cmocka_unit_test(test_points),
        cmocka_unit_test(test_shapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
