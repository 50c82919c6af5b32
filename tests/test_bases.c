/* Which bases go together: every field that may differ and every use, unknown ones, and the
 * functions that ask; what a mean says of itself; comparisons of many. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "golden.h"

enum { K = 2 };
static const size_t U[4] = {K, 2, 3, 2}, V[4] = {K, 3, 2, 2};

/* Orthonormal directions: of so many entries those from `first` on. */
static void fill(pb_tensor *t, const size_t shape[4], size_t first)
{
    MUST(pb_tensor_new(t, 4, shape, error));
    for (size_t i = 0; i < shape[0]; i++)
        t->data[i * (pb_tensor_count(t) / shape[0]) + first + i] = 1;
}

static void put(char **text, const char *value)
{
    MUST(pb_set_text(text, value, "a text", error));
}

static void forget(char **text)
{
    pb_free(*text);
    *text = NULL;
}

/* A basis that knows all of itself. */
static pb_basis whole(size_t first)
{
    pb_basis b = PB_BASIS_EMPTY;
    const size_t k = K;

    fill(&b.u, U, first);
    fill(&b.v, V, first);
    MUST(pb_tensor_new(&b.s, 1, &k, error));
    b.s.data[0] = 2;
    b.s.data[1] = 1;
    put(&b.model, "models/one");
    put(&b.model_hash, "0123456789");
    put(&b.prediction, "epsilon");
    put(&b.schedule, "linear");
    put(&b.schedule_hash, "abcdef0123");
    put(&b.from, "x");
    put(&b.to, "mid");
    put(&b.prompt, "a face");
    put(&b.trajectory_prompt, "a photo");
    b.guidance_scale = 3;
    b.timestep = 500;
    b.t = 0.5;
    b.steps = 100;
    b.tolerance = 0.01;
    return b;
}

/* -- ways to differ --------------------------------------------------------------------------- */

static void model(pb_basis *b)
{
    put(&b->model, "models/two");
    put(&b->model_hash, "9876543210");
}

static void prediction(pb_basis *b)
{
    put(&b->prediction, "v_prediction");
}

static void schedule(pb_basis *b)
{
    put(&b->schedule, "scaled_linear");
    put(&b->schedule_hash, "f0f0f0f0f0");
}

static void from(pb_basis *b)
{
    put(&b->from, "down.0");
}

static void to(pb_basis *b)
{
    put(&b->to, "up.0");
}

static void reshape(pb_tensor *t, size_t k, size_t c, size_t h, size_t w)
{
    pb_tensor_clear(t);
    fill(t, (size_t[4]){k, c, h, w}, 0);
}

static void u(pb_basis *b)
{
    reshape(&b->u, K, 4, 3, 2);
}

static void v(pb_basis *b)
{
    reshape(&b->v, K, 3, 4, 2);
}

static void rank(pb_basis *b)
{
    const size_t k = 1;

    reshape(&b->u, 1, U[1], U[2], U[3]);
    reshape(&b->v, 1, V[1], V[2], V[3]);
    pb_tensor_clear(&b->s);
    MUST(pb_tensor_new(&b->s, 1, &k, error));
    b->s.data[0] = 1;
}

static void guided(pb_basis *b)
{
    b->guided = 1;
}

static void class(pb_basis *b)
{
    b->class_label = 2;
}

static void mask(pb_basis *b)
{
    MUST(pb_tensor_new(&b->mask, 2, (size_t[2]){3, 2}, error));
    b->mask.data[0] = 1;
}

static void null_rank(pb_basis *b)
{
    b->null_rank = 4;
}

static void moment(pb_basis *b)
{
    b->timestep = 300;
    b->t = 0.3;
    b->steps = 50;
    b->tolerance = 0.1;
}

static void prompts(pb_basis *b)
{
    put(&b->prompt, "a dog");
    put(&b->trajectory_prompt, "a cat");
    b->guidance_scale = 7;
}

static void unknown_model(pb_basis *b)
{
    put(&b->model_hash, "");
}

static void unknown_schedule(pb_basis *b)
{
    forget(&b->prediction);
    forget(&b->schedule);
    put(&b->schedule_hash, "");
}

static void other_name(pb_basis *b)
{
    put(&b->schedule, "trained"); /* of the same path */
    put(&b->model, "copies/one");
}

static void no_u(pb_basis *b)
{
    pb_tensor_clear(&b->u);
}

static void no_v(pb_basis *b)
{
    pb_tensor_clear(&b->v);
}

#define CH (1u << PB_FOR_COMPARING_H)
#define CX (1u << PB_FOR_COMPARING_X)
#define MH (1u << PB_FOR_MEAN_H)
#define MX (1u << PB_FOR_MEAN_X)
#define T (1u << PB_FOR_TRANSPORT)
#define E (1u << PB_FOR_EDITING)
#define ALL (CH | CX | MH | MX | T | E)

/* The table of basis.h, once more. */
static const struct {
    void (*differ)(pb_basis *);
    unsigned refused; /* uses in which it matters */
    const char *told;
} ways[] = {
    {model, ALL, "model models/one (01234567) and models/two (98765432)"},
    {prediction, ALL, "prediction epsilon and v_prediction"},
    {schedule, ALL, "schedule linear (abcdef01) and scaled_linear (f0f0f0f0)"},
    {from, CX | MH | MX | E, "from x and down.0"},
    {to, CH | MH | MX | T, "tap mid and up.0"},
    {u, CH | MH | T, "u 2 x 3 x 2 and 4 x 3 x 2"},
    {v, CX | MX | E, "v 3 x 2 x 2 and 3 x 4 x 2"},
    {rank, MH | MX, "directions 2 and 1"},
    {guided, MH | MX | T, "guided no and yes"},
    {class, MH | MX, "class none and 2"},
    {mask, MH | MX, "mask none and of 1 of 3 x 2 positions"},
    {null_rank, MH | MX, "null rank 0 and 4"},
    {moment, 0, NULL},
    {prompts, 0, NULL},
    {unknown_model, 0, NULL},
    {unknown_schedule, 0, NULL},
    {other_name, 0, NULL},
    {no_u, 0, NULL},
    {no_v, 0, NULL},
};

#define WAYS (sizeof ways / sizeof *ways)

static const char *const use_names[PB_BASIS_USES] = {"to be compared in H", "to be compared in X",
                                                     "for a mean in H",     "for a mean in X",
                                                     "for a transport",     "for an edit"};

static void test_every_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < WAYS; i++)
        for (unsigned use = 0; use < PB_BASIS_USES; use++) {
            pb_basis a = whole(0), b = whole(1);
            pb_error why = {0};
            char expected[400] = "";
            pb_status status;

            ways[i].differ(&b);
            put(&b.file, "b.safetensors");
            if (ways[i].refused & 1u << use)
                snprintf(expected, sizeof expected,
                         "a basis and b.safetensors do not go together %s: %s", use_names[use],
                         ways[i].told);
            status = pb_bases_compatible(&a, &b, (pb_basis_use)use, &why);
            if (status != (*expected ? PB_INVALID : PB_OK) || strcmp(why.message, expected))
                fail_msg("way %zu, use %u: \"%s\", expected \"%s\"", i, use, why.message, expected);
            /* The other way round, of two that nobody knows. */
            status = pb_bases_compatible(&b, &a, (pb_basis_use)use, &why);
            assert_int_equal(status, *expected ? PB_INVALID : PB_OK);
            pb_basis_clear(&a);
            pb_basis_clear(&b);
        }
}

/* All that differs is told at once; two masks of one size are not the same mask. */
static void test_lists(void **state)
{
    pb_basis a = whole(0), b = whole(1);
    pb_error why = {0};

    (void)state;
    for (size_t i = 0; i < 5; i++)
        ways[i].differ(&b);
    assert_int_equal(pb_bases_compatible(&a, &b, PB_FOR_TRANSPORT, &why), PB_INVALID);
    assert_string_equal(
        why.message, "a basis and another do not go together for a transport: model models/one "
                     "(01234567) and models/two (98765432); prediction epsilon and v_prediction; "
                     "schedule linear (abcdef01) and scaled_linear (f0f0f0f0); tap mid and up.0");
    assert_int_equal(pb_bases_compatible(&a, &b, (pb_basis_use)PB_BASIS_USES, &why), PB_INVALID);
    pb_basis_clear(&b);
    b = whole(1);
    mask(&a);
    mask(&b);
    MUST(pb_bases_compatible(&a, &b, PB_FOR_MEAN_X, error));
    b.mask.data[0] = 0.5f;
    assert_int_equal(pb_bases_compatible(&a, &b, PB_FOR_MEAN_X, &why), PB_INVALID);
    b.samples = 2; /* which has lost it */
    MUST(pb_bases_compatible(&a, &b, PB_FOR_MEAN_X, error));
    pb_basis_clear(&a);
    pb_basis_clear(&b);
}

/* -- who asks --------------------------------------------------------------------------------- */

static void judge(const char *who, size_t way, unsigned use, pb_status status, const pb_error *why)
{
    bool refused = ways[way].refused & use;

    if (refused ? status != PB_INVALID || !strstr(why->message, ways[way].told) : status != PB_OK)
        fail_msg("%s, way %zu: status %d, \"%s\"", who, way, (int)status, why->message);
}

/* Between the first two directions of whole(0). */
static pb_tensor between(const size_t shape[4])
{
    pb_tensor t = PB_TENSOR_EMPTY;

    fill(&t, (size_t[4]){1, shape[1], shape[2], shape[3]}, 0);
    t.data[0] = t.data[1] = 0.70710678f;
    return t;
}

/* Means, transports and projections refuse what does not go together, and do the rest. */
static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < WAYS; i++) {
        pb_basis a = whole(0), b = whole(1), mean = PB_BASIS_EMPTY;
        const pb_basis *both[2] = {&a, &b};
        pb_tensor along_u = between(U), along_v = between(V), carried = PB_TENSOR_EMPTY;
        pb_error why = {0};

        ways[i].differ(&b);
        if (b.u.data)
            judge("mean in H", i, MH,
                  pb_basis_mean(&mean, NULL, 2, both, PB_MEAN_KARCHER, 0, NULL, &why), &why);
        pb_basis_clear(&mean);
        if (b.v.data)
            judge("mean in X", i, MX,
                  pb_basis_mean(&mean, NULL, 2, both, PB_MEAN_KARCHER, 1, NULL, &why), &why);
        pb_basis_clear(&mean);
        if (b.u.data && b.v.data)
            judge("matched mean", i, MH | MX,
                  pb_basis_mean(&mean, NULL, 2, both, PB_MEAN_MATCHED, 0, NULL, &why), &why);
        pb_basis_clear(&mean);
        if (b.u.data && b.v.data)
            judge("transport", i, T,
                  pb_transport(&a, &b, PB_TRANSPORT_PROJECTION, &along_u, &carried, NULL, &why),
                  &why);
        if (b.v.data)
            judge("projection", i, E, pb_project(&a, &b, &along_v, NULL, &why), &why);
        pb_tensor_clear(&along_u);
        pb_tensor_clear(&along_v);
        pb_tensor_clear(&carried);
        pb_basis_clear(&a);
        pb_basis_clear(&b);
    }
}

/* Of a mean that first one knows what which others do not; means are not averaged again. */
static void test_mean(void **state)
{
    pb_basis a = whole(0), b = whole(1), c = whole(1), mean = PB_BASIS_EMPTY,
             again = PB_BASIS_EMPTY;
    const pb_basis *all[3] = {&a, &b, &c};
    pb_error why = {0};

    (void)state;
    unknown_schedule(&a);
    MUST(pb_basis_mean(&mean, NULL, 2, all, PB_MEAN_KARCHER, 0, NULL, error));
    assert_string_equal(mean.prediction, "epsilon");
    assert_string_equal(mean.schedule, "linear");
    assert_string_equal(mean.schedule_hash, "abcdef0123");
    assert_int_equal(mean.steps, 100);
    /* The second and the third differ, whatever the first does not know. */
    prediction(&c);
    assert_int_equal(pb_basis_mean(&again, NULL, 3, all, PB_MEAN_KARCHER, 0, NULL, &why),
                     PB_INVALID);
    assert_non_null(strstr(why.message, "prediction epsilon and v_prediction"));
    all[1] = &mean;
    assert_int_equal(pb_basis_mean(&again, NULL, 2, all, PB_MEAN_KARCHER, 0, NULL, &why),
                     PB_INVALID);
    assert_non_null(strstr(why.message, "is a mean itself"));
    pb_basis_clear(&mean);
    pb_basis_clear(&a);
    pb_basis_clear(&b);
    pb_basis_clear(&c);
}

/* What not all bases were computed under is not what the mean says. */
static void test_mean_conditions(void **state)
{
    pb_basis a = whole(0), b = whole(1), mean = PB_BASIS_EMPTY;
    const pb_basis *both[2] = {&a, &b};

    (void)state;
    put(&a.negative_prompt, "blurred"); /* b does not know its own */
    a.steps = 0;
    MUST(pb_basis_mean(&mean, NULL, 2, both, PB_MEAN_KARCHER, 0, NULL, error));
    assert_string_equal(mean.prompt, "a face");
    assert_string_equal(mean.trajectory_prompt, "a photo");
    assert_string_equal(mean.negative_prompt, "blurred");
    assert_true(mean.guidance_scale == 3 && mean.steps == 100 && mean.timestep == 500);
    pb_basis_clear(&mean);
    put(&b.prompt, "a house");
    put(&b.trajectory_prompt, "");
    put(&b.negative_prompt, "");
    b.guidance_scale = 2;
    a.steps = 50;
    MUST(pb_basis_mean(&mean, NULL, 2, both, PB_MEAN_KARCHER, 0, NULL, error));
    assert_string_equal(mean.prompt, "");
    assert_string_equal(mean.trajectory_prompt, "");
    assert_string_equal(mean.negative_prompt, "");
    assert_true(mean.guidance_scale == 1 && mean.steps == 0);
    pb_basis_clear(&mean);
    a.guided = b.guided = 1;
    MUST(pb_basis_mean(&mean, NULL, 2, both, PB_MEAN_KARCHER, 0, NULL, error));
    assert_true(mean.guidance_scale == 3);
    pb_basis_clear(&mean);
    MUST(pb_basis_set_prompts(&a, "", NULL, NULL, 1, 0, error)); /* neither knows what led to it */
    MUST(pb_basis_set_prompts(&b, "", NULL, NULL, 1, 0, error));
    assert_true(!a.trajectory_prompt && !a.negative_prompt);
    MUST(pb_basis_mean(&mean, NULL, 2, both, PB_MEAN_KARCHER, 0, NULL, error));
    assert_true(!mean.trajectory_prompt && !mean.negative_prompt);
    pb_basis_clear(&mean);
    pb_basis_clear(&a);
    pb_basis_clear(&b);
}

/* -- comparisons ------------------------------------------------------------------------------ */

/* Each way refuses, or skips a side whose taps differ, or is compared. */
static void test_comparisons(void **state)
{
    (void)state;
    for (size_t i = 0; i < WAYS; i++)
        for (int across = 0; across < 2; across++) {
            const bool of_models = i < 3;
            pb_basis a = whole(0), b = whole(1);
            const pb_basis *both[2] = {&a, &b};
            pb_comparison_options o = PB_COMPARISON_DEFAULTS;
            pb_comparison found = PB_COMPARISON_EMPTY;
            pb_error why = {0};
            unsigned refused = ways[i].refused & (CH | CX);
            pb_status status;

            ways[i].differ(&b);
            o.across_models = across;
            o.draws = 1;
            if ((across && of_models) || ways[i].differ == from || ways[i].differ == to)
                refused = 0;
            status = pb_bases_compare(&found, 2, both, &o, NULL, &why);
            if (refused ? status != PB_INVALID || !strstr(why.message, ways[i].told)
                        : status != PB_OK)
                fail_msg("way %zu: status %d, \"%s\"", i, (int)status, why.message);
            if (status == PB_OK) {
                assert_int_equal(found.h.why, ways[i].differ == to     ? PB_OTHER_TAPS
                                              : ways[i].differ == no_u ? PB_NO_DIRECTIONS
                                                                       : PB_COMPARED);
                assert_int_equal(found.x.why, ways[i].differ == from   ? PB_OTHER_TAPS
                                              : ways[i].differ == no_v ? PB_NO_DIRECTIONS
                                                                       : PB_COMPARED);
            }
            pb_comparison_clear(&found);
            pb_basis_clear(&a);
            pb_basis_clear(&b);
        }
}

static void near(const char *what, double found, double expected, double most)
{
    if (!(fabs(found - expected) <= most))
        fail_msg("%s: %.12g, expected %.12g", what, found, expected);
}

/* e0 e1, e1 e2 and e2 e3: neighbours share one direction, the first and the last none. */
static void test_distances(void **state)
{
    static const double right[3][3] = {{0, 1, 2}, {1, 0, 1}, {2, 1, 0}}; /* angles of pi/2 */
    pb_basis bases[3] = {whole(0), whole(1), whole(2)};
    const pb_basis *all[3] = {&bases[0], &bases[1], &bases[2]};
    pb_comparison found = PB_COMPARISON_EMPTY;
    pb_comparison_options o;
    pb_error why = {0};

    (void)state;
    pb_comparison_options_init(&o);
    MUST(pb_bases_compare(&found, 3, all, &o, NULL, error));
    assert_int_equal(found.count, 3);
    for (int in_x = 0; in_x < 2; in_x++) {
        const pb_compared *c = in_x ? &found.x : &found.h;
        assert_int_equal(c->n, 12);
        assert_int_equal(c->k, K);
        for (size_t a = 0; a < 3; a++)
            for (size_t b = 0; b < 3; b++) {
                pb_distances d = c->distances[3 * a + b];
                const double *angles = c->angles + (3 * a + b) * K;
                near("geodesic", d.geodesic, M_PI / 2 * sqrt(right[a][b]), 1e-7);
                near("chordal", d.chordal, sqrt(right[a][b]), 1e-7);
                near("first angle", angles[0], right[a][b] > 1 ? M_PI / 2 : 0, 1e-7);
                near("last angle", angles[1], right[a][b] > 0 ? M_PI / 2 : 0, 1e-7);
            }
        near("largest", c->largest.geodesic, M_PI / 2 * sqrt(K), 1e-12);
        assert_true(c->random.geodesic > 0 && c->random.geodesic < c->largest.geodesic);
    }
    pb_comparison_clear(&found);
    /* The leading direction alone. */
    o.rank = 1;
    MUST(pb_bases_compare(&found, 3, all, &o, NULL, error));
    assert_int_equal(found.h.k, 1);
    near("rank 1", found.h.distances[1].geodesic, M_PI / 2, 1e-7);
    pb_comparison_clear(&found);
    o.rank = 3;
    assert_int_equal(pb_bases_compare(&found, 3, all, &o, NULL, &why), PB_INVALID);
    assert_string_equal(why.message, "rank 3: a basis has 2 directions");
    /* Of the least rank where none is asked for. */
    rank(&bases[2]);
    MUST(pb_bases_compare(&found, 3, all, NULL, NULL, error));
    assert_int_equal(found.h.k, 1);
    pb_comparison_clear(&found);
    to(&bases[1]);
    from(&bases[2]);
    assert_int_equal(pb_bases_compare(&found, 3, all, NULL, NULL, &why), PB_INVALID);
    assert_non_null(strstr(why.message, "nothing to compare"));
    for (size_t i = 0; i < 3; i++)
        pb_basis_clear(&bases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field),     cmocka_unit_test(test_lists),
        cmocka_unit_test(test_refusals),        cmocka_unit_test(test_mean),
        cmocka_unit_test(test_mean_conditions), cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_distances),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
