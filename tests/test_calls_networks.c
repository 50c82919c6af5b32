/* What evaluates or linearises a network, called with every combination of right and wrong
 * arguments (calls.h). Right calls are few: each costs a network, if a small one. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "golden.h"

enum { C = 2, H = 4, W = 6, SIZE = C * H * W }; /* of the smallest network's images */
static const size_t X[3] = {C, H, W};

typedef struct networks {
    pb_model *model; /* conditioned on a class */
    pb_model *text_to_image;
    pb_text_encoder *text;
    pb_autoencoder *vae;
} networks;

static networks all;

static int set_up(void **state)
{
    (void)state;
    MUST(pb_model_open(&all.model, GOLDEN "variants/resnet", error));
    MUST(pb_model_open(&all.text_to_image, GOLDEN "sd1-tiny", error));
    MUST(pb_text_encoder_open(&all.text, all.text_to_image, error));
    MUST(pb_autoencoder_open(&all.vae, all.text_to_image, error));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pb_autoencoder_free(all.vae);
    pb_text_encoder_free(all.text);
    pb_model_free(all.text_to_image);
    pb_model_free(all.model);
    return 0;
}

/* Axes of a condition of the network of classes: the timestep, the label, a context. */
#define CONDITIONS NUMBERS, 3, 2

static pb_condition condition_of(calls *c, const size_t *at)
{
    static pb_tensor tensor;
    static const pb_input input = {"context", &tensor};
    static const long labels[3] = {1, -1, LONG_MAX};
    pb_condition condition = {.timestep = calls_number(3, at[0]), .class_label = labels[at[1]]};

    if (at[2]) {
        tensor = (pb_tensor){2, {2, 8}, calls_floats(c, 2 * 8, 1)};
        condition.count = 1;
        condition.inputs = &input;
    }
    return condition;
}

static bool is_condition(const pb_condition *c)
{
    return c->timestep >= 0 && c->timestep <= 999 && c->class_label >= 0 && !c->count;
}

/* Taps: right, NULL, "", unknown. A size is right at 0 only: the network takes even ones. */
static void test_tap_shape(void **state)
{
    calls c = CALLS("pb_model_tap_shape", 5, POINTERS, STRINGS, LENGTHS, LENGTHS, POINTERS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        size_t shape[3] = {0};

        calls_judge(&c,
                    pb_model_tap_shape(calls_pointer(all.model, c.at[0]),
                                       calls_string("mid", c.at[1]), calls_length(H, c.at[2]),
                                       calls_length(W, c.at[3]), calls_pointer(shape, c.at[4]), &e),
                    &e, c.wrong ? WRONG : RIGHT);
    }
    calls_end(&c);
}

static void test_evaluator_new(void **state)
{
    static const int threads[] = {1, 0, -1, INT_MAX};
    calls c = CALLS("pb_evaluator_new", 5, POINTERS, POINTERS, LENGTHS, LENGTHS, LENGTHS, 4);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_evaluator *evaluator = NULL;
        bool right = !c.at[0] && !c.at[1] && !c.at[2] && !c.at[3] && c.at[5] < 2; /* any memory */

        if (!calls_judge(&c,
                         pb_evaluator_new(c.at[0] ? NULL : &evaluator,
                                          calls_pointer(all.model, c.at[1]),
                                          calls_length(H, c.at[2]), calls_length(W, c.at[3]),
                                          &(pb_run){.memory = calls_length(4096, c.at[4]),
                                                    .threads = threads[c.at[5]]},
                                          &e),
                         &e, right ? RIGHT : WRONG))
            calls_hold(&c, !evaluator, "there is no evaluator");
        pb_evaluator_free(evaluator);
    }
    calls_end(&c);
}

static void test_evaluate(void **state)
{
    /* taps and places: right, NULL, the last NULL; taps also: the last unknown */
    calls c = CALLS("pb_evaluate", 3, POINTERS, POINTERS, CONDITIONS, LENGTHS, LENGTHS, POINTERS,
                    LENGTHS, 4, 3);
    pb_evaluator *evaluator;

    (void)state;
    MUST(pb_evaluator_new(&evaluator, all.model, H, W, NULL, error));
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_condition condition = condition_of(&c, c.at + 2);
        size_t n = calls_length(2, c.at[5]), size = calls_length(SIZE, c.at[6]);
        const float *x = calls_floats(&c, n < 100 && size < 100 ? n * size : SIZE_MAX, 1);
        size_t count = calls_length(2, c.at[8]), there = count < 100 ? count : 1;
        const char **taps = calls_bytes(&c, there, sizeof *taps);
        float **out = calls_bytes(&c, there, sizeof *out);
        bool nothing = n == 0 || count == 0;
        bool right = !c.at[7] && n < 100 && size == SIZE && count < 100 && !c.at[9] && !c.at[10] &&
                     is_condition(&condition);

        for (size_t i = 0; i < there; i++) {
            bool last = i + 1 == there;
            taps[i] = !last || c.at[9] < 2 ? (i % 2 ? "eps" : "x0") : c.at[9] == 2 ? NULL : "no";
            out[i] = last && c.at[10] == 2 ? NULL : calls_floats(&c, n < 100 ? n * SIZE : 1, 2);
        }
        right = !c.at[0] && !c.at[1] && (right || (nothing && count < 100));
        calls_judge(
            &c,
            pb_evaluate(calls_pointer(evaluator, c.at[0]), calls_pointer(&condition, c.at[1]), n,
                        size, calls_pointer((float *)x, c.at[7]), count,
                        calls_pointer(taps, c.at[9] == 1), calls_pointer(out, c.at[10] == 1), &e),
            &e, right ? RIGHT : WRONG);
    }
    pb_evaluator_free(evaluator);
    calls_end(&c);
}

/* A context of 3 tokens; 2 and 4 are right, too. */
static void test_context(void **state)
{
    calls c = CALLS("pb_evaluate of a context", 1, TENSORS(2));
    const size_t size = 4 * 4 * 4, width = 32;
    const char *tap = "out";
    pb_evaluator *evaluator;

    (void)state;
    MUST(pb_evaluator_new(&evaluator, all.text_to_image, 4, 4, NULL, error));
    while (calls_next(&c)) {
        pb_error e = {0};
        calls_tensor t = calls_tensor_of(&c, 2, (size_t[2]){3, width}, 1, c.at[0]);
        const pb_input input = {"context", calls_tensor_at(&t)};
        pb_condition condition = {.timestep = 1, .class_label = -1, .count = 1, .inputs = &input};
        float *out = calls_floats(&c, size, 2);
        bool right =
            calls_is(&t, 2, (size_t[2]){0, width}) || calls_is(&t, 3, (size_t[3]){1, 0, width});

        calls_judge(&c,
                    pb_evaluate(evaluator, &condition, 1, size, calls_floats(&c, size, 3), 1, &tap,
                                &out, &e),
                    &e, right ? RIGHT : WRONG);
    }
    pb_evaluator_free(evaluator);
    calls_end(&c);
}

/* negative: right, NULL, of a wrong class. */
static void test_denoiser(void **state)
{
    calls c = CALLS("pb_denoiser_new", 3, POINTERS, POINTERS, POINTERS, CONDITIONS, 3, NUMBERS);
    pb_evaluator *evaluator;

    (void)state;
    MUST(pb_evaluator_new(&evaluator, all.model, H, W, NULL, error));
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_denoiser *d = NULL;
        pb_condition one = condition_of(&c, c.at + 3);
        pb_condition other = {.class_label = c.at[6] == 2 ? -1 : 2};
        double scale = calls_number(2, c.at[7]);
        const pb_ddim_options options = PB_DDIM_DEFAULTS;
        bool right =
            !c.at[0] && !c.at[1] && !c.at[2] && (c.at[6] == 1 || (c.at[6] == 0 && isfinite(scale)));

        one.timestep = 3; /* whatever it is, it is not used */
        right = right && is_condition(&one);
        one.timestep = NAN;
        if (calls_judge(&c,
                        pb_denoiser_new(c.at[0] ? NULL : &d, calls_pointer(evaluator, c.at[1]),
                                        calls_pointer(&one, c.at[2]),
                                        calls_pointer(&other, c.at[6] == 1), scale, &e),
                        &e, right ? RIGHT : WRONG))
            calls_hold(&c,
                       pb_ddim(pb_model_schedule(all.model), d, 1, SIZE, calls_floats(&c, SIZE, 1),
                               1, 0, &options, NULL, &e) == PB_OK,
                       "it predicts");
        else
            calls_hold(&c, !d, "there is no denoiser");
        pb_denoiser_free(d);
    }
    pb_evaluator_free(evaluator);
    calls_end(&c);
}

/* -- linearisations and bases ----------------------------------------------------------------- */

/* Axes of a map: NULL; where it begins: also "eps", "mid"; where it ends: also "eps", "x";
 * its condition. */
#define MAPS POINTERS, STRINGS + 2, STRINGS + 2, CONDITIONS

static pb_map_options map_of(calls *c, const size_t *at)
{
    const char *const begins[2] = {"eps", "mid"}, *const ends[2] = {"eps", "x"};
    pb_map_options map = {.condition = condition_of(c, at + 3)};

    map.from = at[1] < STRINGS ? calls_string("x", at[1]) : begins[at[1] - STRINGS];
    map.to = at[2] < STRINGS ? calls_string("mid", at[2]) : ends[at[2] - STRINGS];
    return map;
}

/* The order of taps is x, …, mid, …, eps; eps is a function of x too. */
static bool is_map(const pb_map_options *map)
{
    int from = !map->from ? -1 : !strcmp(map->from, "x") ? 0 : !strcmp(map->from, "mid") ? 1 : -1;
    int to = !map->to                  ? -1
             : !strcmp(map->to, "x")   ? 0
             : !strcmp(map->to, "mid") ? 1
             : !strcmp(map->to, "eps") ? 2
                                       : -1;

    return from >= 0 && to >= from && is_condition(&map->condition);
}

/* One image that the network takes? */
static bool is_image(const calls_tensor *x)
{
    return calls_is(x, 3, X) || calls_is(x, 4, (size_t[4]){1, C, H, W});
}

static void test_linearise(void **state)
{
    calls c = CALLS("pb_linearise", 2, POINTERS, POINTERS, TENSORS(3), MAPS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_linearisation *l = NULL;
        calls_tensor x = calls_tensor_of(&c, 3, X, 1, c.at[2]);
        pb_map_options map = map_of(&c, c.at + 3);
        bool right = !c.at[0] && !c.at[1] && is_image(&x) && !c.at[3] && is_map(&map);

        if (!calls_judge(&c,
                         pb_linearise(c.at[0] ? NULL : &l, calls_pointer(all.model, c.at[1]),
                                      calls_pointer(&map, c.at[3]), calls_tensor_at(&x), NULL, &e),
                         &e, right ? RIGHT : WRONG))
            calls_hold(&c, !l, "there is no linearisation");
        pb_linearisation_free(l);
    }
    calls_end(&c);
}

static void test_map_estimate(void **state)
{
    calls c = CALLS("pb_map_estimate", 2, POINTERS, POINTERS, LENGTHS, LENGTHS, MAPS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_map_memory memory;
        pb_map_options map = map_of(&c, c.at + 4);
        bool right = !c.at[0] && !c.at[1] && !c.at[2] && !c.at[3] && !c.at[4] && is_map(&map);

        calls_judge(&c,
                    pb_map_estimate(calls_pointer(&memory, c.at[0]),
                                    calls_pointer(all.model, c.at[1]), calls_pointer(&map, c.at[4]),
                                    calls_length(H, c.at[2]), calls_length(W, c.at[3]), NULL, &e),
                    &e, right ? RIGHT : WRONG);
    }
    calls_end(&c);
}

static void test_basis_from_svd(void **state)
{
    /* an SVD: right, NULL, and without each of its arrays */
    calls c = CALLS("pb_basis_from_svd", 3, POINTERS, 7, LENGTHS, LENGTHS, LENGTHS, POINTERS,
                    POINTERS, POINTERS, TENSORS(3));
    const pb_map_options map = {"x", "mid", {.timestep = 3, .class_label = 1}};
    const pb_svd_options options = PB_SVD_DEFAULTS;
    calls_tensor point = calls_tensor_of(&c, 3, X, 1, 0);
    pb_linearisation *l;
    size_t rows, cols;

    (void)state;
    MUST(pb_linearise(&l, all.model, &map, &point.tensor, NULL, error));
    rows = pb_linearisation_operator(l)->rows;
    cols = pb_linearisation_operator(l)->cols;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_basis basis = PB_BASIS_EMPTY;
        pb_svd s = {.rows = calls_length(rows, c.at[2]),
                    .cols = calls_length(cols, c.at[3]),
                    .rank = calls_length(2, c.at[4])};
        size_t rank = s.rank < 100 ? s.rank : 0;
        calls_tensor x = calls_tensor_of(&c, 3, X, 1, c.at[8]);
        bool right = !c.at[0] && !c.at[1] && s.rows == rows && s.cols == cols && rank && !c.at[5] &&
                     !c.at[6] && !c.at[7] && is_image(&x);

        s.u = calls_pointer(calls_floats(&c, s.rows < 10000 ? rank * s.rows : 1, 1), c.at[1] == 2);
        s.v = calls_pointer(calls_floats(&c, s.cols < 10000 ? rank * s.cols : 1, 2), c.at[1] == 3);
        s.sigma = calls_pointer(calls_bytes(&c, rank, sizeof(double)), c.at[1] == 4);
        s.residual = calls_pointer(calls_bytes(&c, rank, sizeof(double)), c.at[1] == 5);
        s.angle_bound = calls_pointer(calls_bytes(&c, rank, sizeof(double)), c.at[1] == 6);
        if (!calls_judge(&c,
                         pb_basis_from_svd(calls_pointer(&basis, c.at[0]),
                                           calls_pointer(&s, c.at[1] == 1), c.at[5] ? NULL : &map,
                                           c.at[6] ? NULL : &options, calls_pointer(l, c.at[7]),
                                           calls_tensor_at(&x), &e),
                         &e, right ? RIGHT : WRONG))
            calls_hold(&c, !basis.u.data && !basis.from, "the basis is empty");
        pb_basis_clear(&basis);
    }
    pb_linearisation_free(l);
    calls_end(&c);
}

/* What a request has beside its map; 0 of what may be absent: it is. */
typedef struct asked {
    calls_tensor mask, start;
    pb_condition negative;
    pb_basis_request request;
    bool has_mask, has_start;
} asked;

#define REQUESTS 4, LENGTHS, TENSORS(2) + 1, 4, TENSORS(4) + 1, 3, 2, NUMBERS

static void ask(asked *a, calls *c, const size_t *at)
{
    static const char *const ends[4] = {"eps", "mid", NULL, "unknown"};
    const size_t start[4] = {2, C, H, W}, nulls[4] = {0, 1, SIZE_MAX / 8, 1000};
    const size_t mid[2] = {H, W};
    pb_basis_request *r = &a->request;

    *r = PB_BASIS_REQUEST_DEFAULTS;
    r->map.to = ends[at[0]];
    r->map.condition = (pb_condition){.timestep = 3, .class_label = 1};
    r->svd.rank = calls_length(2, at[1]);
    r->svd.tolerance = 0.1;
    a->has_mask = at[2] != 0;
    a->mask = calls_tensor_of(c, 2, mid, 4, at[2] ? at[2] - 1 : 0);
    for (size_t i = 0; at[2] == 1 && i < pb_tensor_count(&a->mask.tensor); i++)
        a->mask.tensor.data[i] = (float)(i % 2); /* a weight is 0 to 1 */
    r->mask = a->has_mask ? calls_tensor_at(&a->mask) : NULL;
    r->null_rank = nulls[at[3]];
    a->has_start = at[4] != 0;
    a->start = calls_tensor_of(c, 4, start, 5, at[4] ? at[4] - 1 : 0);
    r->start = a->has_start ? calls_tensor_at(&a->start) : NULL;
    a->negative = (pb_condition){.timestep = 3, .class_label = at[5] == 2 ? -1 : 2};
    r->negative = at[5] ? &a->negative : NULL;
    r->bf16 = at[6] != 0;
    r->scale = calls_number(2, at[7]);
}

static bool is_request(const asked *a)
{
    const pb_basis_request *r = &a->request;
    bool eps = r->map.to && !strcmp(r->map.to, "eps"), mid = r->map.to && !strcmp(r->map.to, "mid");
    size_t rows[2] = {eps ? H : H / 2, eps ? W : W / 2};

    return (eps || mid) && r->svd.rank >= 1 && r->svd.rank < 10 &&
           (!r->mask || calls_is(&a->mask, 2, rows)) && r->null_rank < 10 &&
           (!r->null_rank || r->mask) &&
           (!r->start || calls_is(&a->start, 4, (size_t[4]){0, C, H, W})) &&
           (!r->negative || (eps && r->negative->class_label >= 0 && isfinite(r->scale))) &&
           (!r->bf16 || (!r->mask && !r->negative));
}

static void test_basis_compute(void **state)
{
    calls c = CALLS("pb_basis_compute", 2, POINTERS, POINTERS, POINTERS, POINTERS, POINTERS,
                    TENSORS(3), REQUESTS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_basis basis = PB_BASIS_EMPTY;
        pb_svd *svd = NULL;
        asked a;
        calls_tensor x = calls_tensor_of(&c, 3, X, 1, c.at[5]);

        ask(&a, &c, c.at + 6);
        double *verified = calls_bytes(&c, a.request.svd.rank, sizeof *verified);
        bool right = !c.at[0] && !c.at[3] && !c.at[4] && is_image(&x) && is_request(&a);
        if (right && a.request.bf16)
            continue; /* oneDNN 2.6 now and then reads beyond an array of its own in planning so
                         small a convolution in bfloat16; test_svd_network has larger ones */
        if (!calls_judge(&c,
                         pb_basis_compute(
                             calls_pointer(&basis, c.at[0]), c.at[1] ? NULL : &svd,
                             calls_pointer(verified, c.at[2]), calls_pointer(all.model, c.at[3]),
                             calls_pointer(&a.request, c.at[4]), calls_tensor_at(&x), NULL, &e),
                         &e, right ? RIGHT : WRONG))
            calls_hold(&c, !svd && !basis.u.data && !basis.model, "the basis is empty");
        pb_svd_free(svd);
        pb_basis_clear(&basis);
    }
    calls_end(&c);
}

/* Weights that none are, and a start that is not finite. */
static void test_basis_values(void **state)
{
    static const float weights[] = {0, -1, 2, NAN};
    pb_basis_request r = PB_BASIS_REQUEST_DEFAULTS;
    pb_tensor x = PB_TENSOR_EMPTY, mask = PB_TENSOR_EMPTY, start = PB_TENSOR_EMPTY;
    pb_basis basis = PB_BASIS_EMPTY;
    size_t shape[4] = {1, 0, 8, 12};

    (void)state;
    assert_int_equal(pb_model_tap_shape(all.model, "x", 8, 12, shape + 1, NULL), PB_OK);
    assert_int_equal(pb_tensor_new(&x, 4, shape, NULL), PB_OK);
    assert_int_equal(pb_tensor_new(&start, 4, shape, NULL), PB_OK);
    assert_int_equal(pb_model_tap_shape(all.model, "mid", 8, 12, shape, NULL), PB_OK);
    assert_int_equal(pb_tensor_new(&mask, 2, shape + 1, NULL), PB_OK);
    r.map.condition = (pb_condition){.timestep = 3, .class_label = 1};
    r.svd.rank = 1;
    r.mask = &mask;
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
        mask.data[0] = weights[i];
        assert_int_equal(pb_basis_compute(&basis, NULL, NULL, all.model, &r, &x, NULL, NULL),
                         PB_INVALID);
    }
    r.mask = NULL;
    r.start = &start;
    start.data[1] = NAN;
    assert_int_equal(pb_basis_compute(&basis, NULL, NULL, all.model, &r, &x, NULL, NULL),
                     PB_INVALID);
    pb_tensor_clear(&x);
    pb_tensor_clear(&mask);
    pb_tensor_clear(&start);
}

static void test_relinearise(void **state)
{
    calls c = CALLS("pb_relinearise", 2, POINTERS, POINTERS, POINTERS, POINTERS, POINTERS,
                    TENSORS(4), TENSORS(4), TENSORS(3), LENGTHS, NUMBERS, LENGTHS, LENGTHS, 10);

    (void)state;
    while (calls_next(&c)) {
        static char from[] = "x", to[] = "eps", other[] = "mid";
        const size_t shape[4] = {2, C, H, W};
        pb_error e = {0};
        pb_basis_request request = PB_BASIS_REQUEST_DEFAULTS;
        calls_tensor u = calls_tensor_of(&c, 4, shape, 1, c.at[5]);
        calls_tensor v = calls_tensor_of(&c, 4, shape, 1, c.at[6]);
        calls_tensor x = calls_tensor_of(&c, 3, X, 1, c.at[7]);
        size_t direction = calls_length(1, c.at[8]);
        pb_relinearised path = {calls_number(1, c.at[9]), calls_length(2, c.at[10])};
        size_t stages = calls_length(2, c.at[11]);
        float *out = calls_floats(&c, stages < 100 ? stages * SIZE : SIZE_MAX, 1);
        pb_basis basis = {.u = u.null ? PB_TENSOR_EMPTY : u.tensor,
                          .v = v.null ? PB_TENSOR_EMPTY : v.tensor,
                          .x = x.null ? PB_TENSOR_EMPTY : x.tensor,
                          .from = c.at[12] == 1 ? NULL : from,
                          .to = c.at[12] == 2   ? NULL
                                : c.at[12] == 3 ? other
                                                : to,
                          .timestep = c.at[12] == 4 ? NAN : 3,
                          .class_label = c.at[12] == 5 ? 2 : 1,
                          .guided = c.at[12] == 6,
                          .guidance_scale = 3,
                          .null_rank = c.at[12] == 7};
        pb_tensor mask = {2, {H, W}, calls_floats(&c, H * W, 1)};
        size_t k = u.tensor.shape[0];
        double share;
        bool right = !c.at[0] && !c.at[1] && !c.at[2] && !c.at[3] && !c.at[4] &&
                     calls_is(&x, 3, X) && calls_is(&u, 4, (size_t[4]){0, C, H, W}) &&
                     calls_is(&v, 4, (size_t[4]){k, C, H, W}) && direction < k &&
                     isfinite(path.length) && path.steps && path.steps < 100 && stages &&
                     stages <= path.steps && !c.at[12];

        if (c.at[12] == 8) /* the basis alone is under one, or the steps are */
            basis.mask = mask;
        request.mask = c.at[12] == 9 ? &mask : NULL;
        request.map.to = "eps";
        request.map.condition = (pb_condition){.timestep = 3, .class_label = 1};
        request.svd.rank = 1;
        request.svd.tolerance = 0.1;
        calls_judge(&c,
                    pb_relinearise(calls_pointer(all.model, c.at[0]),
                                   calls_pointer(&request, c.at[1]), calls_pointer(&basis, c.at[2]),
                                   direction, calls_pointer(&path, c.at[3]), stages,
                                   calls_pointer(out, c.at[4]), &share, NULL, &e),
                    &e, right ? RIGHT : WRONG);
    }
    calls_end(&c);
}

/* -- text and pictures ------------------------------------------------------------------------ */

static void test_tokens(void **state)
{
    static char latin[] = "caf\xe9", good[] = "a cat";
    /* a prompt: right, NULL, "", not UTF-8, of more than 32 KiB */
    calls c =
        CALLS("pb_text_encoder_tokens", 6, POINTERS, 5, LENGTHS, POINTERS, POINTERS, POINTERS);
    size_t length = pb_text_encoder_length(all.text);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        char *prompts[5] = {good, NULL, &good[5], latin, calls_bytes(&c, 40000, 1)};
        size_t room = calls_length(length, c.at[2]), used;
        uint32_t *ids = calls_bytes(&c, room < 1000 ? room : length, sizeof *ids);
        char *rest = NULL;
        bool right = !c.at[0] && (c.at[1] == 0 || c.at[1] == 2) && room >= length && !c.at[3];

        memset(prompts[4], 'a', 39999);
        calls_judge(&c,
                    pb_text_encoder_tokens(calls_pointer(all.text, c.at[0]), prompts[c.at[1]], room,
                                           calls_pointer(ids, c.at[3]), c.at[4] ? NULL : &used,
                                           c.at[5] ? NULL : &rest, &e),
                    &e, right ? RIGHT : WRONG);
        pb_text_free(rest);
    }
    calls_end(&c);
}

static void test_embed(void **state)
{
    /* pooled: any of these, for an encoder that has none */
    calls c = CALLS("pb_text_encoder_embed", 3, POINTERS, LENGTHS, LENGTHS, POINTERS, 2, POINTERS,
                    POINTERS);
    size_t length = pb_text_encoder_length(all.text), width = pb_text_encoder_width(all.text);
    float none;

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        size_t count = calls_length(1, c.at[1]), tokens = calls_length(length, c.at[2]);
        size_t entries = count < 100 && tokens < 100 ? count * tokens : SIZE_MAX;
        uint32_t *ids = calls_bytes(&c, entries, sizeof *ids);
        float *out = calls_floats(&c, entries < SIZE_MAX ? entries * width : SIZE_MAX, 1);
        bool right = !c.at[0] && tokens == length && count < 100;

        if (c.at[4] && entries && entries < SIZE_MAX)
            ids[entries - 1] = UINT32_MAX;
        right = right && (!count || (!c.at[3] && !c.at[4] && !c.at[5]));
        calls_judge(&c,
                    pb_text_encoder_embed(calls_pointer(all.text, c.at[0]), count, tokens,
                                          calls_pointer(ids, c.at[3]), calls_pointer(out, c.at[5]),
                                          calls_pointer(&none, c.at[6]), NULL, &e),
                    &e, right ? RIGHT : WRONG);
    }
    calls_end(&c);
}

static void test_pictures(void **state)
{
    const pb_autoencoder_info info = pb_autoencoder_get_info(all.vae);
    const size_t f = info.factor, image[4] = {1, info.channels, 2 * f, f};
    const size_t latent[4] = {1, info.latent_channels, 2, 1};
    calls c = CALLS("pb_encode, pb_decode", 3, 2, POINTERS, TENSORS(4), POINTERS, LENGTHS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        bool encodes = c.at[0] == 0;
        calls_tensor in = calls_tensor_of(&c, 4, encodes ? image : latent, 1, c.at[2]);
        pb_tensor out = PB_TENSOR_EMPTY;
        const size_t *extent = in.tensor.shape;
        size_t channels = encodes ? info.channels : info.latent_channels;
        bool right = !c.at[1] && calls_is(&in, 4, (size_t[4]){0, channels, 0, 0}) && !c.at[3] &&
                     (!encodes || (extent[2] >= f && extent[3] >= f));
        pb_status status = (encodes ? pb_encode : pb_decode)(
            calls_pointer(all.vae, c.at[1]), calls_tensor_at(&in), calls_pointer(&out, c.at[3]),
            &(pb_run){.memory = calls_length(1, c.at[4])}, &e);

        if (!calls_judge(&c, status, &e, right ? RIGHT : WRONG))
            calls_hold(&c, !out.data, "there is no tensor");
        pb_tensor_clear(&out);
    }
    calls_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tap_shape),    cmocka_unit_test(test_evaluator_new),
        cmocka_unit_test(test_evaluate),     cmocka_unit_test(test_context),
        cmocka_unit_test(test_denoiser),     cmocka_unit_test(test_linearise),
        cmocka_unit_test(test_map_estimate), cmocka_unit_test(test_basis_from_svd),
        cmocka_unit_test(test_basis_values), cmocka_unit_test(test_basis_compute),
        cmocka_unit_test(test_relinearise),  cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_embed),        cmocka_unit_test(test_pictures),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
