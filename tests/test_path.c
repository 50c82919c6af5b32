/* Paths from images to noise: what a network's output stands for at their points, and DDIM along a
 * rectified flow, whose results are known in closed form. */
#include <math.h>

#include <pullback/diffusion.h>

#include "must.h"

#define LENGTH 1001 /* of the flow: times up to 1000 */

static pb_schedule *discrete(pb_prediction prediction)
{
    pb_schedule_options o = PB_SCHEDULE_DEFAULTS;
    pb_schedule *s;

    o.prediction = prediction;
    MUST(pb_schedule_new(&s, &o, error));
    return s;
}

static pb_schedule *flow(void)
{
    pb_schedule *s;

    MUST(pb_schedule_new_flow(&s, LENGTH, error));
    return s;
}

/* The output of a network that knows x0 and eps, by the words of diffusion.h. */
static double output(pb_prediction prediction, const pb_path_point *at, double x0, double eps)
{
    switch (prediction) {
    case PB_PREDICTION_EPSILON:
        return eps;
    case PB_PREDICTION_V:
        return at->a * eps - at->s * x0;
    case PB_PREDICTION_SAMPLE:
        return x0;
    case PB_PREDICTION_VELOCITY:
        break;
    }
    return eps - x0;
}

static void test_outputs(void **state)
{
    (void)state;
    for (pb_prediction kind = PB_PREDICTION_EPSILON; kind <= PB_PREDICTION_VELOCITY; kind++) {
        pb_schedule *s = kind == PB_PREDICTION_VELOCITY ? flow() : discrete(kind);

        assert_int_equal(pb_schedule_prediction(s), kind);
        for (double t = 1; t < 1000; t += 99.75) {
            const double x0 = 0.8, eps = -1.3;
            pb_path_point at = pb_path_at(s, t);
            double x = at.a * x0 + at.s * eps, out = output(kind, &at, x0, eps), of_x, of_out;

            pb_path_eps(s, &at, &of_x, &of_out);
            assert_true(fabs(of_x * x + of_out * out - eps) < 1e-11);
            pb_path_x0(s, &at, &of_x, &of_out);
            assert_true(fabs(of_x * x + of_out * out - x0) < 1e-10);
        }
        pb_schedule_free(s);
    }
}

/* A discrete schedule has points at whole timesteps only, and alpha-bar as it is. */
static void test_discrete(void **state)
{
    pb_schedule *s = discrete(PB_PREDICTION_EPSILON);

    (void)state;
    for (size_t t = 0; t < 1000; t += 111) {
        pb_path_point at = pb_path_at(s, (double)t + 0.75);
        double ab = pb_alpha_bar(s, t);
        assert_true(at.signal == ab && at.noise == 1 - ab && at.a == sqrt(ab) &&
                    at.s == sqrt(1 - ab));
        assert_true(pb_path_time(s, (double)t + 0.75) == (double)t);
    }
    assert_true(pb_path_at(s, -5).signal == pb_alpha_bar(s, 0));
    assert_true(pb_path_at(s, 1e9).signal == pb_alpha_bar(s, 999));
    pb_schedule_free(s);
}

static void test_flow(void **state)
{
    pb_schedule *s = flow(), *none = NULL;
    const double times[] = {0, 0.25, 421.5, 999, 1000};

    (void)state;
    assert_int_equal(pb_schedule_length(s), LENGTH);
    for (size_t i = 0; i < 5; i++) {
        pb_path_point at = pb_path_at(s, times[i]);
        assert_true(fabs(at.s - times[i] / 1000) < 1e-15 && fabs(at.a + at.s - 1) < 1e-15);
        assert_true(fabs(at.signal - at.a * at.a) < 1e-15 && fabs(at.noise - at.s * at.s) < 1e-15);
        assert_true(pb_path_time(s, times[i]) == times[i]);
    }
    assert_true(pb_path_at(s, -1).s == 0 && pb_path_at(s, 2000).s == 1);
    assert_true(fabs(pb_alpha_bar(s, 500) - 0.25) < 1e-15);
    assert_int_equal(pb_schedule_new_flow(&none, 1, NULL), PB_INVALID);
    assert_int_equal(pb_schedule_new_flow(&none, 100001, NULL), PB_INVALID);
    assert_int_equal(pb_schedule_new_flow(NULL, LENGTH, NULL), PB_INVALID);
    pb_schedule_free(s);
}

/* -- DDIM along a flow ------------------------------------------------------------------------- */

#define MEAN 0.4

/* Of images N(MEAN, deviation^2): the velocity is E[eps - x0 | x]. */
typedef struct images {
    const pb_schedule *schedule;
    double deviation;
} images;

static double velocity(const images *g, double x, double t)
{
    pb_path_point at = pb_path_at(g->schedule, t);
    double c = g->deviation * g->deviation, variance = at.a * at.a * c + at.s * at.s;

    return (at.s - at.a * c) * (x - at.a * MEAN) / variance - MEAN;
}

static pb_status predict(void *context, size_t n, const float *x, double t, float *out,
                         const pb_run *run, pb_error *error)
{
    (void)run, (void)error;
    for (size_t i = 0; i < n; i++)
        out[i] = (float)velocity(context, (double)x[i], t);
    return PB_OK;
}

/* One image of pure noise taken to t = 0 in S - 1 steps. */
static float sample(images *g, size_t S, float x)
{
    const pb_denoiser denoiser = {.context = g, .size = 1, .predict = predict};
    pb_ddim_options o = PB_DDIM_DEFAULTS;

    o.steps = S;
    MUST(pb_ddim(g->schedule, &denoiser, 1, 1, &x, S - 1, 0, &o, NULL, error));
    return x;
}

/* All images the same: the flow's paths are straight, and any number of steps is exact. */
static void test_straight(void **state)
{
    pb_schedule *s = flow();
    images g = {s, 0};

    (void)state;
    for (size_t S = 2; S < 40; S += 5)
        assert_true(fabs((double)sample(&g, S, 1.7f) - MEAN) < 1e-6);
    pb_schedule_free(s);
}

/* Of a normal distribution x - a MEAN grows as its deviation along the path: noise z becomes MEAN +
 * deviation z, up to an error that a finer grid divides. */
static void test_normal(void **state)
{
    pb_schedule *s = flow();
    images g = {s, 0.5};
    const double exact = MEAN + 0.5 * 1.7;
    double coarse = fabs((double)sample(&g, 51, 1.7f) - exact);
    double fine = fabs((double)sample(&g, 501, 1.7f) - exact);

    (void)state;
    assert_true(coarse < 0.05 && coarse > 1e-4);
    assert_true(fine < coarse / 9 && fine > coarse / 11);
    pb_schedule_free(s);
}

/* A deterministic step is Euler's: x' = x + (s' - s) out. */
static void test_euler(void **state)
{
    pb_schedule *s = flow();
    images g = {s, 0.5};
    const pb_denoiser denoiser = {.context = &g, .size = 1, .predict = predict};
    pb_ddim_options o = {.steps = 11, .boost = SIZE_MAX};

    (void)state;
    for (size_t i = 1; i < 10; i++)
        for (int up = 0; up < 2; up++) {
            float x = -0.9f;
            double step = up ? 0.1 : -0.1, t = 100 * (double)i;
            MUST(pb_ddim(s, &denoiser, 1, 1, &x, i, up ? i + 1 : i - 1, &o, NULL, error));
            assert_true(fabs((double)x - (-0.9 + step * velocity(&g, -0.9, t))) < 1e-6);
        }
    pb_schedule_free(s);
}

/* A stochastic step of a known image: x' = a' x0 + sqrt(s'^2 - v) eps + sqrt(v) z. */
static void test_stochastic(void **state)
{
    pb_schedule *s = flow();
    images g = {s, 0};
    const pb_denoiser denoiser = {.context = &g, .size = 1, .predict = predict};
    const pb_ddim_options o = {.steps = 11, .boost = 10, .noise_seed = 3};
    const double a = 0.4, eps = 1.1, a_left = 0.5, ratio = a / a_left;
    double v = (0.36 - ratio * ratio * 0.25) * 0.25 / 0.36;
    float x = (float)(a * MEAN + 0.6 * eps), z;
    pb_rng *rng;

    (void)state;
    MUST(pb_rng_new(&rng, 3, error));
    pb_randn(rng, &z, 1);
    MUST(pb_ddim(s, &denoiser, 1, 1, &x, 6, 5, &o, NULL, error));
    assert_true(fabs((double)x - (a_left * MEAN + sqrt(0.25 - v) * eps + sqrt(v) * (double)z)) <
                1e-6);
    pb_rng_free(rng);
    pb_schedule_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outputs),    cmocka_unit_test(test_discrete),
        cmocka_unit_test(test_flow),       cmocka_unit_test(test_straight),
        cmocka_unit_test(test_normal),     cmocka_unit_test(test_euler),
        cmocka_unit_test(test_stochastic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
