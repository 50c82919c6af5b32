/* DDIM, clipping and guidance: against diffusers, and against formulas in double precision on a
 * denoiser whose noise is known. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "golden.h"

/* -- DDIM on a Gaussian
 * -------------------------------------------------------------------------------- */

#define SIZE 6
#define DEVIATION 0.5

typedef struct gaussian {
    const pb_schedule *schedule;
    size_t calls, poison_at;
} gaussian;

/* Data N(0, DEVIATION^2): eps = sqrt(1 - ab) x / (ab DEVIATION^2 + 1 - ab). */
static double noise_of(const pb_schedule *schedule, double x, double t)
{
    double ab = pb_alpha_bar(schedule, (size_t)t);

    return sqrt(1 - ab) * x / (ab * DEVIATION * DEVIATION + 1 - ab);
}

static pb_status predict(void *context, size_t n, const float *x, double t, float *eps,
                         const pb_run *run, pb_error *error)
{
    gaussian *g = context;

    (void)run;
    (void)error;
    for (size_t i = 0; i < n * SIZE; i++)
        eps[i] = (float)noise_of(g->schedule, (double)x[i], t);
    if (++g->calls == g->poison_at)
        eps[SIZE] = NAN;
    return PB_OK;
}

static pb_denoiser denoiser_of(gaussian *g)
{
    return (pb_denoiser){.context = g, .size = SIZE, .predict = predict};
}

static pb_schedule *linear(void)
{
    pb_schedule *s;

    MUST(pb_schedule_new(&s, &PB_SCHEDULE_DEFAULTS, error));
    return s;
}

/* One number moved down the grid in double precision, by so many points a step; z of stochastic
 * steps one after the other, so many floats apart. */
static double reference(const pb_schedule *s, double x, size_t S, size_t by, size_t boost,
                        const float *z, size_t stride)
{
    for (size_t i = S - 1, j; i > 0; i = j) {
        j = i < by ? 0 : i - by;
        double at = pb_alpha_bar(s, pb_grid_index(1000, S, i));
        double as = pb_alpha_bar(s, pb_grid_index(1000, S, j));
        double eps = noise_of(s, x, pb_grid_time(1000, S, i)), variance = 0, draw = 0;
        if (boost != SIZE_MAX && i <= boost && i > 1) {
            variance = (1 - at / as) * (1 - as) / (1 - at);
            draw = (double)*z;
            z += stride;
        }
        x = sqrt(as) * (x - sqrt(1 - at) * eps) / sqrt(at) + sqrt(1 - as - variance) * eps +
            sqrt(variance) * draw;
    }
    return x;
}

static void test_ddim(void **state)
{
    pb_schedule *s = linear();
    gaussian g = {.schedule = s};
    const pb_denoiser denoiser = denoiser_of(&g);
    double previous = INFINITY;

    (void)state;
    for (size_t S = 10; S <= 250; S *= 5) {
        pb_ddim_options o = PB_DDIM_DEFAULTS;
        float x[2 * SIZE];
        double worst = 0;

        o.steps = S;
        for (size_t i = 0; i < 2 * SIZE; i++)
            x[i] = (float)i / 6 - 1;
        MUST(pb_ddim(s, &denoiser, 2, denoiser.size, x, S - 1, 0, &o, NULL, error));
        for (size_t i = 0; i < 2 * SIZE; i++)
            assert_true(fabs((double)x[i] - reference(s, (double)((float)i / 6 - 1), S, 1, SIZE_MAX,
                                                      NULL, 0)) < 1e-6);
        /* Up and down again comes back the nearer the finer the grid. */
        float y[SIZE];
        memcpy(y, x, sizeof y);
        MUST(pb_ddim(s, &denoiser, 1, denoiser.size, y, 0, S - 1, &o, NULL, error));
        MUST(pb_ddim(s, &denoiser, 1, denoiser.size, y, S - 1, 0, &o, NULL, error));
        for (size_t i = 0; i < SIZE; i++)
            worst = larger(worst, fabs((double)x[i] - (double)y[i]));
        assert_true(worst < previous);
        previous = worst;
    }
    print_message("up and down again: off by %.2g\n", previous);
    assert_true(previous < 0.05);
    pb_schedule_free(s);
}

/* Steps over several points of the grid, the last one over what is left. (Long ones divide by a
 * small a: the rounding of what the network says grows.) */
static void test_stride(void **state)
{
    static const size_t strides[] = {2, 7, 19, 40};
    pb_schedule *s = linear();
    gaussian g = {.schedule = s};
    const pb_denoiser denoiser = denoiser_of(&g);
    pb_ddim_options o = PB_DDIM_DEFAULTS;

    (void)state;
    o.steps = 20;
    for (size_t k = 0; k < 4; k++) {
        float x[SIZE];
        o.stride = strides[k];
        for (size_t i = 0; i < SIZE; i++)
            x[i] = (float)i / 6 - 1;
        MUST(pb_ddim(s, &denoiser, 1, denoiser.size, x, 19, 0, &o, NULL, error));
        for (size_t i = 0; i < SIZE; i++)
            assert_true(fabs((double)x[i] - reference(s, (double)((float)i / 6 - 1), 20, strides[k],
                                                      SIZE_MAX, NULL, 0)) < 1e-4);
    }
    pb_schedule_free(s);
}

/* One z per step for all images, from a stream of its own, none in the last step. */
static void test_boost(void **state)
{
    const size_t S = 20, boost = 7;
    pb_schedule *s = linear();
    gaussian g = {.schedule = s};
    const pb_denoiser denoiser = denoiser_of(&g);
    pb_ddim_options o = PB_DDIM_DEFAULTS;
    float x[3 * SIZE], z[6 * SIZE];
    pb_rng *rng;

    (void)state;
    MUST(pb_rng_new(&rng, 5, error));
    for (size_t i = 0; i < 6; i++)
        pb_randn(rng, z + i * SIZE, SIZE);
    o.steps = S;
    o.boost = boost;
    o.noise_seed = 5;
    for (size_t i = 0; i < 3 * SIZE; i++)
        x[i] = (float)i / 9 - 1;
    MUST(pb_ddim(s, &denoiser, 3, denoiser.size, x, S - 1, 0, &o, NULL, error));
    for (size_t i = 0; i < 3 * SIZE; i++)
        assert_true(fabs((double)x[i] - reference(s, (double)((float)i / 9 - 1), S, 1, boost,
                                                  z + i % SIZE, SIZE)) < 1e-6);
    pb_rng_free(rng);
    pb_schedule_free(s);
}

/* With noise of its own each image is what it is alone, and unlike the others. */
static void test_own_noise(void **state)
{
    pb_schedule *s = linear();
    gaussian g = {.schedule = s};
    const pb_denoiser denoiser = denoiser_of(&g);
    pb_ddim_options o = PB_DDIM_DEFAULTS;
    float together[3 * SIZE], alone[SIZE];

    (void)state;
    o.steps = 20;
    o.boost = 19;
    o.own_noise = 1;
    o.noise_seed = 5;
    for (size_t i = 0; i < 3 * SIZE; i++)
        together[i] = (float)(i % SIZE) / 9 - 1; /* three times the same */
    MUST(pb_ddim(s, &denoiser, 3, denoiser.size, together, 19, 0, &o, NULL, error));
    for (size_t n = 0; n < 3; n++) {
        const float *other = together + (n + 1) % 3 * SIZE;
        o.noise_seed = 5 + (n << 16);
        for (size_t i = 0; i < SIZE; i++)
            alone[i] = (float)i / 9 - 1;
        MUST(pb_ddim(s, &denoiser, 1, denoiser.size, alone, 19, 0, &o, NULL, error));
        assert_memory_equal(alone, together + n * SIZE, sizeof alone);
        assert_memory_not_equal(alone, other, sizeof alone);
    }
    pb_schedule_free(s);
}

static int stop_at_three(void *context, const pb_progress *p)
{
    (void)context;
    assert_int_equal(p->total, 19);
    assert_string_equal(p->task, "sampling");
    return p->done == 3;
}

static void test_ddim_failures(void **state)
{
    pb_schedule *s = linear();
    gaussian g = {.schedule = s, .poison_at = 4};
    const pb_denoiser denoiser = denoiser_of(&g);
    pb_ddim_options o = PB_DDIM_DEFAULTS;
    float x[2 * SIZE] = {1};
    pb_error error = {0};

    (void)state;
    o.steps = 20;
    assert_int_equal(pb_ddim(s, &denoiser, 2, denoiser.size, x, 19, 0, &o, NULL, &error),
                     PB_NUMERIC);
    assert_non_null(strstr(error.message, "image 1"));
    for (size_t i = 0; i < 2 * SIZE; i++)
        assert_true(isfinite(x[i])); /* the last whole step */
    assert_int_equal(pb_ddim(s, &denoiser, 2, denoiser.size, x, 19, 0, &o,
                             &(pb_run){.monitor = stop_at_three}, &error),
                     PB_CANCELLED);
    assert_int_equal(pb_ddim(s, &denoiser, 2, denoiser.size, x, 20, 0, &o, NULL, &error),
                     PB_INVALID);
    o.steps = 1;
    assert_int_equal(pb_ddim(s, &denoiser, 2, denoiser.size, x, 0, 0, &o, NULL, &error),
                     PB_INVALID);
    pb_schedule_free(s);
}

/* -- clipping
 * ------------------------------------------------------------------------------------------ */

#define POINTS 10

/* Gives one output after the other, whatever it is asked. */
typedef struct player {
    const float *next;
    size_t count; /* floats of one output */
} player;

static pb_status play(void *context, size_t n, const float *x, double t, float *out,
                      const pb_run *run, pb_error *error)
{
    player *p = context;

    (void)n;
    (void)x;
    (void)t;
    (void)run;
    (void)error;
    memcpy(out, p->next, p->count * sizeof *out);
    p->next += p->count;
    return PB_OK;
}

/* DDIMScheduler.step with clip_sample and thresholding, for eta = 0 and 1. */
static void test_clip(void **state)
{
    static const struct {
        const char *name;
        pb_clip clip;
    } cases[] = {
        {"none", {.kind = PB_CLIP_NONE}},
        {"range1", {.kind = PB_CLIP_RANGE, .range = 1}},
        {"range2", {.kind = PB_CLIP_RANGE, .range = 2}},
        {"threshold", {.kind = PB_CLIP_QUANTILE, .ratio = 0.995, .most = 1}},
        {"threshold-most", {.kind = PB_CLIP_QUANTILE, .ratio = 0.9, .most = 1.5}},
        {"threshold-below-1", {.kind = PB_CLIP_QUANTILE, .ratio = 0.5, .most = 0.75}},
    };
    static const char *const predictions[] = {"epsilon", "v_prediction", "sample"};
    pb_tensor noise, out, spaced, boosted;
    pb_weights *io;

    (void)state;
    MUST(pb_weights_open(&io, GOLDEN "ddim-steps.safetensors", error));
    noise = golden(io, "x");
    out = golden(io, "out");
    for (int kind = 0; kind < 3; kind++) {
        pb_schedule_options options = PB_SCHEDULE_DEFAULTS;
        size_t count = pb_tensor_count(&noise);
        pb_schedule *s;

        options.prediction = (pb_prediction)kind;
        MUST(pb_schedule_new(&s, &options, error));
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            player p = {.next = out.data, .count = count};
            const pb_denoiser denoiser = {.context = &p, .size = count / 2, .predict = play};
            const pb_spaced_options down = {
                .steps = POINTS, .set_alpha_to_one = 1, .clip = cases[i].clip};
            const pb_ddim_options boost = {
                .steps = POINTS, .boost = POINTS - 1, .noise_seed = 5, .clip = cases[i].clip};
            float *x = pb_malloc(count, sizeof *x);

            spaced = golden(io, "spaced.%s.%s", predictions[kind], cases[i].name);
            memcpy(x, noise.data, count * sizeof *x);
            MUST(pb_ddim_spaced(s, &denoiser, 2, denoiser.size, x, &down, NULL, error));
            assert_near(cases[i].name, x, spaced.data, count, 1e-6);
            boosted = golden(io, "boosted.%s.%s", predictions[kind], cases[i].name);
            memcpy(x, noise.data, count * sizeof *x);
            p.next = out.data;
            MUST(pb_ddim(s, &denoiser, 2, denoiser.size, x, POINTS - 1, 0, &boost, NULL, error));
            assert_near(cases[i].name, x, boosted.data, count, 2e-6); /* z is near to 2e-6 */
            pb_tensor_clear(&boosted);
            pb_tensor_clear(&spaced);
            pb_free(x);
        }
        pb_schedule_free(s);
    }
    pb_tensor_clear(&out);
    pb_tensor_clear(&noise);
    pb_weights_free(io);
}

/* Steps above the boost, upward steps and steps without one are the same with a clip or without. */
static void test_clip_of_boosts_only(void **state)
{
    const pb_clip clip = {.kind = PB_CLIP_RANGE, .range = 0.01};
    pb_schedule *s = linear();
    gaussian g = {.schedule = s};
    const pb_denoiser denoiser = denoiser_of(&g);
    pb_ddim_options plain = PB_DDIM_DEFAULTS, clipped;
    float x[SIZE], y[SIZE];

    (void)state;
    plain.steps = 20;
    for (size_t boost = 0; boost < 2; boost++) {
        static const size_t ways[][2] = {{19, 8}, {0, 19}};

        plain.boost = boost ? 8 : SIZE_MAX;
        clipped = plain;
        clipped.clip = clip;
        for (size_t way = 0; way < 2; way++) {
            for (size_t i = 0; i < SIZE; i++)
                x[i] = y[i] = (float)i / 3 - 1;
            MUST(pb_ddim(s, &denoiser, 1, denoiser.size, x, ways[way][0], ways[way][1], &plain,
                         NULL, error));
            MUST(pb_ddim(s, &denoiser, 1, denoiser.size, y, ways[way][0], ways[way][1], &clipped,
                         NULL, error));
            assert_memory_equal(x, y, sizeof x);
        }
    }
    MUST(pb_ddim(s, &denoiser, 1, denoiser.size, x, 8, 0, &plain, NULL, error));
    MUST(pb_ddim(s, &denoiser, 1, denoiser.size, y, 8, 0, &clipped, NULL, error));
    assert_memory_not_equal(x, y, sizeof x);
    pb_schedule_free(s);
}

/* A NaN does not vanish between the bounds, and bounds that are none are refused. */
static void test_clip_failures(void **state)
{
    static const pb_clip wrong[] = {
        {.kind = PB_CLIP_RANGE},
        {.kind = PB_CLIP_RANGE, .range = NAN},
        {.kind = PB_CLIP_QUANTILE, .ratio = 1.5, .most = 1},
        {.kind = PB_CLIP_QUANTILE, .ratio = 0.5},
    };
    static const pb_clip right[] = {{.kind = PB_CLIP_RANGE, .range = 1},
                                    {.kind = PB_CLIP_QUANTILE, .ratio = 0.9, .most = 1}};
    pb_schedule *s = linear();
    gaussian g = {.schedule = s};
    const pb_denoiser denoiser = denoiser_of(&g);
    float x[2 * SIZE] = {1};
    pb_error error = {0};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const pb_spaced_options o = {.steps = 5, .clip = wrong[i]};
        const pb_ddim_options d = {.steps = 5, .boost = SIZE_MAX, .clip = wrong[i]};
        assert_int_equal(pb_ddim_spaced(s, &denoiser, 1, denoiser.size, x, &o, NULL, &error),
                         PB_INVALID);
        assert_int_equal(pb_ddim(s, &denoiser, 1, denoiser.size, x, 4, 0, &d, NULL, &error),
                         PB_INVALID);
    }
    assert_int_equal(g.calls, 0);
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        const pb_spaced_options o = {.steps = 5, .set_alpha_to_one = 1, .clip = right[i]};
        g = (gaussian){.schedule = s, .poison_at = 5};
        assert_int_equal(pb_ddim_spaced(s, &denoiser, 2, denoiser.size, x, &o, NULL, &error),
                         PB_NUMERIC);
        assert_non_null(strstr(error.message, "image 1"));
    }
    pb_schedule_free(s);
}

/* -- guidance
 * ------------------------------------------------------------------------------------------ */

static void test_guide(void **state)
{
    const pb_guidance guidance = {.step = 0.7, .scale = 0.3, .iterations = 10};
    static const size_t iterate[4] = {3, 5, 8, 10}; /* round(j 10 / 4) */
    pb_schedule *s = linear();
    gaussian g = {.schedule = s};
    const pb_denoiser denoiser = denoiser_of(&g);
    float x[SIZE], v[2 * SIZE] = {0}, out[2 * 4 * SIZE];
    double slope = noise_of(s, 1, 500) * 0.7 * 0.3;
    pb_error wrong = {0};

    (void)state;
    for (size_t i = 0; i < SIZE; i++)
        x[i] = (float)i;
    v[0] = 0.6f;
    v[1] = -0.8f;
    v[SIZE + 5] = 1;
    MUST(pb_guide(s, &denoiser, 500, SIZE, x, 2, v, &guidance, 4, out, NULL, error));
    for (size_t d = 0; d < 2; d++)
        for (size_t j = 0; j < 4; j++)
            for (size_t i = 0; i < SIZE; i++) {
                /* eps is linear in x: every iteration adds scale * eps(step v). */
                double expected =
                    (double)x[i] + (double)iterate[j] * slope * (double)v[d * SIZE + i];
                assert_true(fabs((double)out[(d * 4 + j) * SIZE + i] - expected) < 1e-5);
            }
    v[0] = 2;
    assert_int_equal(pb_guide(s, &denoiser, 500, SIZE, x, 2, v, &guidance, 4, out, NULL, &wrong),
                     PB_INVALID);
    assert_non_null(strstr(wrong.message, "direction 0 has length"));
    assert_int_equal(
        pb_guide(s, &denoiser, 500, SIZE, x, 1, v + SIZE, &guidance, 11, out, NULL, &wrong),
        PB_INVALID);
    pb_schedule_free(s);
}

/* Noise that grows as a power of x: above 1 guidance explodes. Power 0: tanh x, it collapses. */
static pb_status power(void *context, size_t n, const float *x, double t, float *out,
                       const pb_run *run, pb_error *error)
{
    (void)t;
    (void)run;
    (void)error;
    for (size_t i = 0; i < n * SIZE; i++)
        out[i] =
            *(const float *)context > 0 ? powf(fabsf(x[i]), *(const float *)context) : tanhf(x[i]);
    return PB_OK;
}

/* The pace of eight stages of guidance from 1 upwards along one entry. */
static pb_pace pace_of(float exponent, size_t iterations, const pb_pace_limits *limits)
{
    const pb_guidance guidance = {.step = 1, .scale = 0.5, .iterations = iterations};
    const pb_denoiser denoiser = {.context = &exponent, .size = SIZE, .predict = power};
    pb_schedule *s = linear();
    pb_pace_stage stage[8];
    float x[SIZE] = {0}, v[SIZE] = {0}, out[8 * SIZE];

    x[3] = v[3] = 1;
    MUST(pb_guide(s, &denoiser, 500, SIZE, x, 1, v, &guidance, 8, out, NULL, error));
    for (size_t j = 0; j < 8; j++)
        stage[j] =
            (pb_pace_stage){.iterate = (j + 1) * iterations / 8,
                            .change = pb_change(SIZE, j ? out + (j - 1) * SIZE : x, out + j * SIZE),
                            .distance = pb_change(SIZE, x, out + j * SIZE)};
    pb_schedule_free(s);
    return pb_pace_of(8, stage, limits);
}

static void test_pace(void **state)
{
    const pb_pace_limits tight = {.rate = 0.1, .distance = 0.5},
                         wide = {.rate = 0.1, .distance = 99};
    pb_pace p = pace_of(1, 16, NULL);

    (void)state;
    assert_int_equal(p.kind, PB_PACE_STEADY);
    assert_true(fabs(p.rate - 0.5 / sqrt(SIZE)) < 1e-6);
    p = pace_of(1.8f, 16, NULL);
    assert_int_equal(p.kind, PB_PACE_EXPLODED);
    assert_true(p.share > 3 && p.from > 0 && p.to == p.from + 2);
    p = pace_of(0, 320, NULL);
    assert_int_equal(p.kind, PB_PACE_COLLAPSED);
    assert_true(p.share < 0.1 && p.to == p.from + 40);
    /* Steady, but far and fast: a limit alone is none. */
    assert_int_equal(pace_of(1, 16, &tight).kind, PB_PACE_FAST);
    assert_int_equal(pace_of(1, 16, &wide).kind, PB_PACE_STEADY);
    /* Fast at first, far only then. */
    p = pb_pace_of(2,
                   (const pb_pace_stage[]){{.iterate = 4, .change = 8, .distance = 8},
                                           {.iterate = 8, .change = 4, .distance = 11}},
                   &(const pb_pace_limits){.rate = 1.5, .distance = 10});
    assert_int_equal(p.kind, PB_PACE_FAST);
    assert_true(p.from == 0 && p.to == 4 && fabs(p.rate - 2) < 1e-12);
    /* An edit that ends. */
    p = pb_pace_of(2,
                   (const pb_pace_stage[]){{.iterate = 4, .change = 8, .distance = 8},
                                           {.iterate = 6, .change = 0.3, .distance = 8}},
                   NULL);
    assert_int_equal(p.kind, PB_PACE_COLLAPSED);
    assert_true(p.from == 4 && p.to == 6 && fabs(p.share - 0.075) < 1e-12);
    assert_int_equal(pb_pace_of(0, NULL, NULL).kind, PB_PACE_STEADY);
    /* An edit that is no number any more. */
    p = pb_pace_of(2,
                   (const pb_pace_stage[]){{.iterate = 4, .change = 8, .distance = 8},
                                           {.iterate = 8, .change = NAN, .distance = NAN}},
                   NULL);
    assert_int_equal(p.kind, PB_PACE_EXPLODED);
    assert_int_equal(p.from, 4);
}

static void test_outside(void **state)
{
    float weights[2] = {1, 0.25f};
    const pb_tensor mask = {.rank = 2, .shape = {1, 2}, .data = weights};
    /* Two channels of 2 x 4; the mask's positions are 2 x 2 of them. */
    float a[16] = {0}, b[16] = {0};

    (void)state;
    assert_true(pb_outside(&mask, 2, 2, 4, a, b) == 0);
    b[1] = 2;  /* inside: 4 */
    b[15] = 4; /* a quarter inside: 16 */
    assert_true(fabs(pb_outside(&mask, 2, 2, 4, a, b) - 12.0 / 20) < 1e-12);
    assert_true(fabs(pb_change(16, a, b) - sqrt(20.0 / 16)) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ddim),
        cmocka_unit_test(test_stride),
        cmocka_unit_test(test_boost),
        cmocka_unit_test(test_own_noise),
        cmocka_unit_test(test_ddim_failures),
        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_clip_of_boosts_only),
        cmocka_unit_test(test_clip_failures),
        cmocka_unit_test(test_guide),
        cmocka_unit_test(test_pace),
        cmocka_unit_test(test_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
