/* Schedules, time grids, trajectories and edits, called with every combination of right and wrong
 * arguments (calls.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"

enum { T = 20, STEPS = 6, SIZE = 8, IMAGES = 2 };

static pb_schedule *schedule;

static int set_up(void **state)
{
    pb_schedule_options o = PB_SCHEDULE_DEFAULTS;

    (void)state;
    o.length = T;
    return pb_schedule_new(&schedule, &o, NULL) == PB_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    pb_schedule_free(schedule);
    return 0;
}

/* Reads all of x and writes all of out. */
static pb_status predict(void *context, size_t n, const float *x, double t, float *out,
                         const pb_run *run, pb_error *error)
{
    (void)t, (void)run, (void)error;
    for (size_t i = 0; i < n * *(const size_t *)context; i++)
        out[i] = 0.1f * x[i];
    return PB_OK;
}

/* A denoiser of images of SIZE: right, NULL, without a function, of nothing, of one more, of
 * 2^61 - 1. */
#define DENOISERS 6
static pb_denoiser denoiser_of(size_t variant)
{
    static size_t size;

    size = variant == 3 ? 0 : variant == 4 ? SIZE + 1 : variant == 5 ? SIZE_MAX / 8 : SIZE;
    return (pb_denoiser){.context = &size, .size = size, .predict = variant == 2 ? NULL : predict};
}

static bool denoises(const pb_denoiser *d, size_t variant, size_t size)
{
    return variant != 1 && d->predict && d->size && d->size < 100 && d->size == size;
}

/* A clip: none, to a range, to quantiles, of another kind, and of numbers out of their ranges. */
#define CLIPS 10
static pb_clip clip_of(size_t variant)
{
    const pb_clip all[CLIPS] = {{.kind = PB_CLIP_NONE},
                                {.kind = PB_CLIP_RANGE, .range = 1},
                                {.kind = PB_CLIP_QUANTILE, .ratio = 1, .most = 2},
                                {.kind = (pb_clip_kind)99, .range = 1, .ratio = 1, .most = 1},
                                {.kind = PB_CLIP_RANGE},
                                {.kind = PB_CLIP_RANGE, .range = NAN},
                                {.kind = PB_CLIP_QUANTILE, .ratio = 1.1, .most = 2},
                                {.kind = PB_CLIP_QUANTILE, .ratio = NAN, .most = 2},
                                {.kind = PB_CLIP_QUANTILE, .ratio = -1, .most = 2},
                                {.kind = PB_CLIP_QUANTILE, .ratio = 1, .most = 0}};

    return all[variant];
}

static bool is_clip(size_t variant)
{
    return variant < 3;
}

static void test_schedule_new(void **state)
{
    calls c =
        CALLS("pb_schedule_new", 4, POINTERS, POINTERS, 6, LENGTHS, NUMBERS, NUMBERS, 3, 4, 2);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_schedule *s = NULL;
        size_t length = calls_length(T, c.at[3]);
        float *trained = calls_bytes(&c, length, sizeof *trained);
        pb_schedule_options o = {.betas = c.at[2] == 4   ? (pb_betas)99
                                          : c.at[2] == 5 ? (pb_betas)-1
                                                         : (pb_betas)c.at[2],
                                 .length = length,
                                 .beta_start = calls_number(1e-4, c.at[4]),
                                 .beta_end = calls_number(2e-2, c.at[5]),
                                 .trained_betas = c.at[6] == 1 ? NULL : trained,
                                 .prediction =
                                     c.at[7] == 3 ? (pb_prediction)99 : (pb_prediction)c.at[7],
                                 .zero_snr = c.at[8] != 0};
        bool named = c.at[2] < 4 && c.at[7] < 3 && length >= 2 && length < 100;
        bool between = c.at[4] == 0 && c.at[5] == 0; /* linear ones need both within (0, 1) */
        bool right = !c.at[0] && !c.at[1] && named;

        for (size_t i = 0; length < 100 && i < length; i++)
            trained[i] = c.at[6] == 2 ? NAN : 0.01f;
        if (c.at[2] < PB_BETAS_SQUAREDCOS_CAP_V2)
            right = right && between;
        else if (c.at[2] == PB_BETAS_TRAINED)
            right = right && c.at[6] == 0;
        if (!c.at[0] && !c.at[1] && named && o.zero_snr && o.prediction == PB_PREDICTION_EPSILON)
            continue; /* PB_UNSUPPORTED, of good betas and bad ones */
        calls_judge(&c, pb_schedule_new(c.at[0] ? NULL : &s, calls_pointer(&o, c.at[1]), &e), &e,
                    right ? RIGHT : WRONG);
        calls_hold(&c, right == (s != NULL), "a schedule is made by right calls only");
        pb_schedule_free(s);
    }
    calls_end(&c);
}

static void test_flow_new(void **state)
{
    calls c = CALLS("pb_schedule_new_flow", 2, POINTERS, LENGTHS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_schedule *s = NULL;
        size_t length = calls_length(T, c.at[1]);
        bool right = !c.at[0] && length >= 2 && length <= 100000;

        calls_judge(&c, pb_schedule_new_flow(c.at[0] ? NULL : &s, length, &e), &e,
                    right ? RIGHT : WRONG);
        calls_hold(&c, right == (s != NULL), "a schedule is made by right calls only");
        pb_schedule_free(s);
    }
    calls_end(&c);
}

/* Not a status: within the grid for a grid, and no trap elsewhere. */
static void test_grid(void **state)
{
    calls c = CALLS("pb_grid_time, _index, _nearest, _of", 4, LENGTHS, LENGTHS, LENGTHS, NUMBERS);

    (void)state;
    while (calls_next(&c)) {
        size_t t = calls_length(T, c.at[0]), s = calls_length(STEPS, c.at[1]);
        size_t i = calls_length(3, c.at[2]), nearest, of;
        double fraction = calls_number(0.5, c.at[3]), time;

        if (t > 100 || s > 100 || i > 100)
            continue;
        nearest = pb_grid_nearest(t, s, fraction);
        calls_hold(&c, nearest < (s ? s : 1), "the nearest is a point of the grid");
        time = pb_grid_time(t, s, i);
        of = pb_grid_of(t, s, time);
        calls_hold(&c, t < 2 || s < 2 || i >= s || of == i, "the time of a point is the point's");
        calls_hold(&c, s == 0 || t == 0 || i >= s || pb_grid_index(t, s, i) < t,
                   "an index below T");
        calls_hold(&c, pb_grid_of(t, s, NAN) == SIZE_MAX, "no time is no point's");
        c.right++, c.refused++;
    }
    calls_end(&c);
}

static void test_spaced_time(void **state)
{
    calls c = CALLS("pb_spaced_time", 4, LENGTHS, LENGTHS, 4, LENGTHS);

    (void)state;
    while (calls_next(&c)) {
        size_t t = calls_length(T, c.at[0]), s = calls_length(STEPS, c.at[1]);
        size_t i = calls_length(3, c.at[3]);
        pb_spacing spacing = c.at[2] == 3 ? (pb_spacing)99 : (pb_spacing)c.at[2];
        size_t found = pb_spaced_time(t, s, spacing, 0, i);
        bool within = s >= 1 && s <= t && i < s;

        if (t > 100)
            continue; /* beyond what a double counts */
        calls_hold(&c, within ? found < t : found == 0, "a time below T, 0 where there is none");
        c.right += within, c.refused += !within;
    }
    calls_end(&c);
}

static void test_ddim(void **state)
{
    calls c = CALLS("pb_ddim", 3, POINTERS, DENOISERS, LENGTHS, LENGTHS, POINTERS, LENGTHS, LENGTHS,
                    POINTERS, LENGTHS, LENGTHS, 2, CLIPS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_denoiser d = denoiser_of(c.at[1]);
        size_t n = calls_length(IMAGES, c.at[2]), size = calls_length(SIZE, c.at[3]);
        float *x = calls_floats(&c, n < 100 && size < 100 ? n * size : SIZE_MAX, 1);
        size_t from = calls_length(STEPS - 1, c.at[5]), to = calls_length(1, c.at[6]);
        pb_ddim_options o = {.steps = calls_length(STEPS, c.at[8]),
                             .boost = calls_length(2, c.at[9]),
                             .own_noise = c.at[10] != 0,
                             .clip = clip_of(c.at[11])};
        bool right = !c.at[0] && denoises(&d, c.at[1], size) && n < 100 && !c.at[4] && !c.at[7] &&
                     o.steps >= 2 && o.steps <= T && from < o.steps && to < o.steps &&
                     is_clip(c.at[11]);

        calls_judge(&c,
                    pb_ddim(calls_pointer(schedule, c.at[0]), calls_pointer(&d, c.at[1] == 1), n,
                            size, calls_pointer(x, c.at[4]), from, to, calls_pointer(&o, c.at[7]),
                            NULL, &e),
                    &e, right ? RIGHT : WRONG);
    }
    calls_end(&c);
}

static void test_ddim_spaced(void **state)
{
    /* steps_offset also SIZE_MAX, by which a sum wraps around */
    calls c = CALLS("pb_ddim_spaced", 3, POINTERS, DENOISERS, LENGTHS, LENGTHS, POINTERS, POINTERS,
                    4, LENGTHS, LENGTHS + 1, 2, CLIPS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_denoiser d = denoiser_of(c.at[1]);
        size_t n = calls_length(IMAGES, c.at[2]), size = calls_length(SIZE, c.at[3]);
        float *x = calls_floats(&c, n < 100 && size < 100 ? n * size : SIZE_MAX, 1);
        pb_spaced_options o = {.spacing = c.at[6] == 3 ? (pb_spacing)99 : (pb_spacing)c.at[6],
                               .steps = calls_length(STEPS, c.at[7]),
                               .steps_offset =
                                   c.at[8] == LENGTHS ? SIZE_MAX : calls_length(1, c.at[8]),
                               .set_alpha_to_one = c.at[9] != 0,
                               .clip = clip_of(c.at[10])};
        bool right = !c.at[0] && denoises(&d, c.at[1], size) && n < 100 && !c.at[4] && !c.at[5] &&
                     o.steps >= 1 && o.steps <= T && c.at[6] < 3 && is_clip(c.at[10]);

        if (right && o.spacing == PB_SPACING_LEADING) /* the other two have no offset */
            right = o.steps_offset < T && (o.steps - 1) * (T / o.steps) + o.steps_offset < T;
        calls_judge(&c,
                    pb_ddim_spaced(calls_pointer(schedule, c.at[0]),
                                   calls_pointer(&d, c.at[1] == 1), n, size,
                                   calls_pointer(x, c.at[4]), calls_pointer(&o, c.at[5]), NULL, &e),
                    &e, right ? RIGHT : WRONG);
    }
    calls_end(&c);
}

/* -- edits ------------------------------------------------------------------------------------ */

/* count directions of `size` numbers: unit vectors, NULL, the last of length 2, of NaN. */
#define DIRECTIONS 4
static float *directions_of(calls *c, size_t count, size_t size, size_t variant)
{
    bool there = count < 100 && size < 100;
    float *v = calls_bytes(c, there ? count * size : SIZE_MAX, sizeof *v);

    for (size_t i = 0; there && size && i < count; i++)
        v[i * size + i % size] = i + 1 == count && variant > 1 ? (variant == 2 ? 2 : NAN) : 1;
    return variant == 1 ? NULL : v;
}

static void test_guide(void **state)
{
    calls c = CALLS("pb_guide", 3, POINTERS, DENOISERS, NUMBERS, LENGTHS, POINTERS, LENGTHS,
                    DIRECTIONS, POINTERS, NUMBERS, NUMBERS, LENGTHS, LENGTHS, POINTERS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        pb_denoiser d = denoiser_of(c.at[1]);
        double t = calls_number(T - 1, c.at[2]);
        size_t size = calls_length(SIZE, c.at[3]), count = calls_length(2, c.at[5]);
        const float *x = calls_pointer(calls_floats(&c, size, 1), c.at[4]);
        const float *v = directions_of(&c, count, size, c.at[6]);
        pb_guidance g = {.step = calls_number(0.5, c.at[8]),
                         .scale = calls_number(2, c.at[9]),
                         .iterations = calls_length(4, c.at[10])};
        size_t stages = calls_length(2, c.at[11]);
        bool there = size < 100 && count < 100 && stages < 100;
        float *out = calls_floats(&c, there ? count * stages * size : SIZE_MAX, 1);
        bool right = !c.at[0] && denoises(&d, c.at[1], size) && t >= 0 && t <= T - 1 && x &&
                     count && !c.at[6] && !c.at[7] && isfinite(g.step) && g.step > 0 &&
                     isfinite(g.scale) && g.iterations && g.iterations < 100 && stages &&
                     stages <= g.iterations && !c.at[12] && there;

        calls_judge(&c,
                    pb_guide(calls_pointer(schedule, c.at[0]), calls_pointer(&d, c.at[1] == 1), t,
                             size, x, count, v, calls_pointer(&g, c.at[7]), stages,
                             calls_pointer(out, c.at[12]), NULL, &e),
                    &e, right ? RIGHT : WRONG);
    }
    calls_end(&c);
}

static void test_straight(void **state)
{
    calls c =
        CALLS("pb_straight", 4, LENGTHS, POINTERS, LENGTHS, DIRECTIONS, NUMBERS, LENGTHS, POINTERS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        size_t size = calls_length(SIZE, c.at[0]), count = calls_length(2, c.at[2]);
        const float *x = calls_pointer(calls_floats(&c, size, 1), c.at[1]);
        const float *v = directions_of(&c, count, size, c.at[3]);
        double length = calls_number(1.5, c.at[4]);
        size_t stages = calls_length(3, c.at[5]);
        bool there = size < 100 && count < 100 && stages < 100;
        float *out =
            calls_pointer(calls_floats(&c, there ? count * stages * size : SIZE_MAX, 1), c.at[6]);
        bool right = there && size && count && stages && x && !c.at[3] && isfinite(length) && out;

        calls_judge(&c, pb_straight(size, x, count, v, length, stages, out, &e), &e,
                    right ? RIGHT : WRONG);
    }
    calls_end(&c);
}

/* A length that floats do not hold. */
static void test_straight_far(void **state)
{
    const float x[2] = {0, 0}, v[2] = {1, 0};
    float out[2];

    (void)state;
    assert_int_equal(pb_straight(2, x, 1, v, 1e300, 1, out, NULL), PB_NUMERIC);
}

/* What gives a number gives none. */
static void test_outside(void **state)
{
    calls c = CALLS("pb_outside, pb_change", 4, TENSORS(2), LENGTHS, LENGTHS, LENGTHS, POINTERS,
                    POINTERS);

    (void)state;
    while (calls_next(&c)) {
        calls_tensor mask = calls_tensor_of(&c, 2, (size_t[2]){4, 4}, 1, c.at[0]);
        size_t C = calls_length(2, c.at[1]), h = calls_length(8, c.at[2]);
        size_t w = calls_length(8, c.at[3]);
        bool there = C < 100 && h < 100 && w < 100;
        size_t all = there ? C * h * w : SIZE_MAX;
        const float *a = calls_pointer(calls_floats(&c, all, 1), c.at[4]);
        const float *b = calls_pointer(calls_floats(&c, all, 2), c.at[5]);
        bool right = calls_is(&mask, 2, (size_t[2]){0}) && there && a && b;
        double outside = pb_outside(calls_tensor_at(&mask), C, h, w, a, b);
        double change = pb_change(all, a, b);

        calls_hold(&c, right == !isnan(outside), "a share of what there is");
        calls_hold(&c, isnan(change) == (all && (!there || !a || !b)), "a change of what there is");
        c.right += right, c.refused += !right;
    }
    calls_end(&c);
}

static void test_pace_of(void **state)
{
    calls c = CALLS("pb_pace_of", 4, LENGTHS, POINTERS, POINTERS, NUMBERS, NUMBERS);

    (void)state;
    while (calls_next(&c)) {
        size_t stages = calls_length(3, c.at[0]), there = stages < 100 ? stages : 0;
        pb_pace_stage *stage = calls_bytes(&c, there, sizeof *stage);
        pb_pace_limits limits = {calls_number(1, c.at[3]), calls_number(1, c.at[4])};
        bool judged = there && !c.at[1];
        pb_pace pace;

        if (stages > 100 && !c.at[1])
            continue; /* nothing says how many there are */
        for (size_t i = 0; i < there; i++)
            stage[i] = (pb_pace_stage){i + 1, 0.01, 0.01 * (double)i};
        pace = pb_pace_of(stages, calls_pointer(stage, c.at[1]), calls_pointer(&limits, c.at[2]));
        calls_hold(&c, judged || (pace.kind == PB_PACE_STEADY && pace.to == 0), "steady");
        c.right += judged, c.refused += !judged;
    }
    calls_end(&c);
}

static void test_flow(void **state)
{
    calls c = CALLS("pb_schedule_new_flow", 2, POINTERS, LENGTHS);

    (void)state;
    while (calls_next(&c)) {
        pb_error e = {0};
        size_t length = calls_length(T, c.at[1]);
        pb_schedule *made = NULL;

        if (calls_judge(&c, pb_schedule_new_flow(calls_pointer(&made, c.at[0]), length, &e), &e,
                        !c.at[0] && length >= 2 && length <= 100000 ? RIGHT : WRONG))
            calls_hold(&c, pb_schedule_length(made) == length, "it has its length");
        pb_schedule_free(made);
    }
    calls_end(&c);
}

/* At any time, of either kind: a point of the path. */
static void test_path(void **state)
{
    static const double times[] = {0, 7.5, T - 1, T, -1, 1e300, NAN, INFINITY, -INFINITY};
    pb_schedule *both[2] = {schedule, NULL};

    (void)state;
    assert_int_equal(pb_schedule_new_flow(&both[1], T, NULL), PB_OK);
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
            pb_path_point at = pb_path_at(both[k], times[i]);
            assert_true(at.a >= 0 && at.a <= 1 && at.s >= 0 && at.s <= 1);
            assert_true(fabs(at.signal - at.a * at.a) < 1e-12);
            assert_true(fabs(at.noise - at.s * at.s) < 1e-12);
            if (times[i] >= T - 1)
                assert_true(at.s == pb_path_at(both[k], T - 1).s);
            if (!(times[i] > 0))
                assert_true(at.s == pb_path_at(both[k], 0).s);
        }
    pb_schedule_free(both[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flow),         cmocka_unit_test(test_path),
        cmocka_unit_test(test_schedule_new), cmocka_unit_test(test_flow_new),
        cmocka_unit_test(test_grid),         cmocka_unit_test(test_spaced_time),
        cmocka_unit_test(test_ddim),         cmocka_unit_test(test_ddim_spaced),
        cmocka_unit_test(test_guide),        cmocka_unit_test(test_straight),
        cmocka_unit_test(test_outside),      cmocka_unit_test(test_pace_of),
        cmocka_unit_test(test_straight_far),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
