/* Schedules, the grid, timesteps and random numbers: against PyTorch and diffusers. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "golden.h"

/* -- schedules
 * ------------------------------------------------------------------------------------- */

/* Values of torch.cumprod(1 - betas) of diffusers, float32, at a few timesteps. */
static void test_schedules(void **state)
{
    static const struct {
        pb_betas kind;
        double start, end;
        double alpha_bar[5]; /* at 0, 1, 421, 500, 999 */
    } cases[] = {
        {PB_BETAS_LINEAR,
         0.0001,
         0.02,
         {0.999899983, 0.999780059, 0.162535325, 0.0777966529, 4.03583035e-05}},
        {PB_BETAS_SCALED_LINEAR,
         0.00085,
         0.012,
         {0.999149978, 0.998296022, 0.391266793, 0.276332468, 0.00466009509}},
        {PB_BETAS_SQUAREDCOS_CAP_V2,
         0.0001,
         0.02,
         {0.999958694, 0.99991256, 0.614392102, 0.492285043, 2.42873499e-09}},
    };
    static const size_t at[5] = {0, 1, 421, 500, 999};
    const float betas[3] = {0.1f, 0.2f, 0.3f};
    pb_schedule_options o = PB_SCHEDULE_DEFAULTS;
    pb_schedule *s;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        o.betas = cases[i].kind;
        o.beta_start = cases[i].start;
        o.beta_end = cases[i].end;
        MUST(pb_schedule_new(&s, &o, error));
        for (size_t k = 0; k < 5; k++)
            assert_true((float)pb_alpha_bar(s, at[k]) == (float)cases[i].alpha_bar[k]);
        assert_true(pb_alpha_bar(s, 5000) == pb_alpha_bar(s, 999));
        pb_schedule_free(s);
    }
    o = (pb_schedule_options){.betas = PB_BETAS_TRAINED, .length = 3, .trained_betas = betas};
    MUST(pb_schedule_new(&s, &o, error));
    assert_true(fabs(pb_alpha_bar(s, 2) - 0.9 * 0.8 * 0.7) < 1e-7);
    pb_schedule_free(s);
    o = PB_SCHEDULE_DEFAULTS;
    o.length = 1;
    assert_int_equal(pb_schedule_new(&s, &o, NULL), PB_INVALID);
    o.length = 10;
    o.beta_end = 1.2;
    assert_int_equal(pb_schedule_new(&s, &o, NULL), PB_INVALID);
    o = PB_SCHEDULE_DEFAULTS;
    o.zero_snr = 1;
    assert_int_equal(pb_schedule_new(&s, &o, NULL), PB_UNSUPPORTED);
}

/* Names, and hashes that are those of paths. */
static void test_names(void **state)
{
    pb_schedule_options o = PB_SCHEDULE_DEFAULTS;
    pb_schedule *linear, *trained, *others[4];
    float betas[20];

    (void)state;
    o.length = 20;
    MUST(pb_schedule_new(&linear, &o, error));
    assert_string_equal(pb_schedule_kind(linear), "linear");
    assert_int_equal(strlen(pb_schedule_hash(linear)), 64);
    for (size_t i = 0; i < 20; i++) { /* as linspace has them */
        float step = ((float)o.beta_end - (float)o.beta_start) / 19.0f;
        betas[i] = i < 10 ? fmaf(step, (float)i, (float)o.beta_start)
                          : fmaf(-step, (float)(19 - i), (float)o.beta_end);
    }
    o.betas = PB_BETAS_TRAINED;
    o.trained_betas = betas;
    MUST(pb_schedule_new(&trained, &o, error));
    assert_string_equal(pb_schedule_kind(trained), "trained");
    assert_string_equal(pb_schedule_hash(trained), pb_schedule_hash(linear));
    betas[7] *= 1.0001f;
    MUST(pb_schedule_new(&others[0], &o, error));
    o = PB_SCHEDULE_DEFAULTS;
    o.length = 20;
    o.betas = PB_BETAS_SCALED_LINEAR;
    MUST(pb_schedule_new(&others[1], &o, error));
    assert_string_equal(pb_schedule_kind(others[1]), "scaled_linear");
    o.betas = PB_BETAS_LINEAR;
    o.zero_snr = 1;
    o.prediction = PB_PREDICTION_V;
    MUST(pb_schedule_new(&others[2], &o, error));
    assert_string_equal(pb_schedule_kind(others[2]), "linear");
    MUST(pb_schedule_new_flow(&others[3], 20, error));
    assert_string_equal(pb_schedule_kind(others[3]), "flow");
    for (size_t i = 0; i < 4; i++) {
        assert_string_not_equal(pb_schedule_hash(others[i]), pb_schedule_hash(linear));
        pb_schedule_free(others[i]);
    }
    pb_schedule_free(linear);
    pb_schedule_free(trained);
    assert_string_equal(pb_prediction_name(PB_PREDICTION_EPSILON), "epsilon");
    assert_string_equal(pb_prediction_name(PB_PREDICTION_V), "v_prediction");
    assert_string_equal(pb_prediction_name(PB_PREDICTION_SAMPLE), "sample");
    assert_string_equal(pb_prediction_name(PB_PREDICTION_VELOCITY), "velocity");
    assert_null(pb_prediction_name((pb_prediction)99));
    assert_null(pb_prediction_name((pb_prediction)-1));
}

/* rescale_betas_zero_snr: every alpha-bar as DDIMScheduler of diffusers has it, but for the last
 * bit of the square root, which PyTorch does not round alike on all processors. */
static void test_zero_snr(void **state)
{
    const pb_schedule_options o = {.betas = PB_BETAS_SCALED_LINEAR,
                                   .length = 1000,
                                   .beta_start = 0.00085,
                                   .beta_end = 0.012,
                                   .prediction = PB_PREDICTION_V,
                                   .zero_snr = 1};
    pb_tensor expected;
    pb_schedule *s;
    pb_weights *io;

    (void)state;
    MUST(pb_weights_open(&io, GOLDEN "zero-snr.safetensors", error));
    expected = golden(io, "alpha_bar");
    MUST(pb_schedule_new(&s, &o, error));
    for (size_t t = 0; t < o.length; t++)
        assert_true(fabs(pb_alpha_bar(s, t) - (double)expected.data[t]) <= 1e-6);
    assert_true(pb_alpha_bar(s, 999) == 0);
    pb_schedule_free(s);
    /* Flat at the end: nothing to scale. */
    const float betas[4] = {0.001f, 0.5f, 1e-12f, 1e-12f};
    const pb_schedule_options flat = {.betas = PB_BETAS_TRAINED,
                                      .length = 4,
                                      .trained_betas = betas,
                                      .prediction = PB_PREDICTION_SAMPLE,
                                      .zero_snr = 1};
    assert_int_equal(pb_schedule_new(&s, &flat, NULL), PB_INVALID);
    pb_tensor_clear(&expected);
    pb_weights_free(io);
}

static void test_grid(void **state)
{
    (void)state;
    assert_int_equal(pb_grid_nearest(1000, 100, 0.6), 59);
    assert_int_equal(pb_grid_index(1000, 100, 59), 595);
    assert_true(fabs(pb_grid_time(1000, 100, 59) - 595.363636363636) < 1e-9);
    assert_int_equal(pb_grid_nearest(1000, 100, 0), 0);
    assert_int_equal(pb_grid_nearest(1000, 100, 1), 99);
    assert_true(pb_grid_time(1000, 100, 99) == 999);
    assert_int_equal(pb_grid_nearest(5, 5, 0.5), 3); /* 2.5: a tie goes upward */
    for (size_t S = 2; S < 200; S++)
        for (size_t i = 0; i < S; i++)
            assert_int_equal(pb_grid_index(1000, S, i), floor(pb_grid_time(1000, S, i)));
}

/* -- timesteps of diffusers
 * -------------------------------------------------------------------------- */

/* The CRC-32 of the timesteps at which a denoiser is called, as 32-bit integers, little-endian. */
typedef struct recorder {
    uint32_t crc;
    size_t calls;
} recorder;

static pb_status record(void *context, size_t n, const float *x, double t, float *out,
                        const pb_run *run, pb_error *error)
{
    recorder *r = context;

    (void)x;
    (void)run;
    (void)error;
    assert_int_equal(n, 1);
    assert_true(t == floor(t));
    for (int byte = 0; byte < 4; byte++) {
        r->crc ^= (uint32_t)t >> 8 * byte & 0xff;
        for (int bit = 0; bit < 8; bit++)
            r->crc = r->crc >> 1 ^ (r->crc & 1 ? 0xedb88320u : 0);
    }
    r->calls++;
    out[0] = 0;
    return PB_OK;
}

/* The next number of timesteps.crc. */
static uint32_t next_sum(FILE *file)
{
    unsigned char b[4];

    assert_int_equal(fread(b, 1, sizeof b, file), sizeof b);
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* All timesteps as DDIMScheduler.set_timesteps has them: for every S, where a half is rounded is a
 * matter of the last bit (linspace of 27, trailing of 48 of 1000). */
static void test_timesteps(void **state)
{
    static const size_t lengths[] = {100, 1000, 4000};
    static const struct {
        pb_spacing spacing;
        size_t offset;
    } spacings[] = {{PB_SPACING_LEADING, 0},
                    {PB_SPACING_LEADING, 1},
                    {PB_SPACING_LEADING, 7},
                    {PB_SPACING_TRAILING, 0},
                    {PB_SPACING_LINSPACE, 0}};
    FILE *file = fopen(GOLDEN "timesteps.crc", "rb");
    size_t wrong = 0;

    (void)state;
    assert_non_null(file);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        pb_schedule_options schedule = PB_SCHEDULE_DEFAULTS;
        pb_schedule *s;

        schedule.length = lengths[i];
        MUST(pb_schedule_new(&s, &schedule, error));
        for (size_t k = 0; k < sizeof spacings / sizeof *spacings; k++)
            for (size_t S = 2; S <= lengths[i] && S <= 1000; S++) {
                recorder r = {.crc = UINT32_MAX};
                const pb_denoiser denoiser = {.context = &r, .size = 1, .predict = record};
                const pb_spaced_options o = {
                    .spacing = spacings[k].spacing, .steps = S, .steps_offset = spacings[k].offset};
                uint32_t expected = next_sum(file);
                float x = 0;

                if (!expected)
                    continue;
                MUST(pb_ddim_spaced(s, &denoiser, 1, denoiser.size, &x, &o, NULL, error));
                assert_int_equal(r.calls, S);
                if (~r.crc != expected && wrong++ < 5)
                    print_message("T %zu, spacing %d + %zu, %zu steps: other timesteps\n",
                                  lengths[i], (int)o.spacing, o.steps_offset, S);
            }
        pb_schedule_free(s);
    }
    assert_int_equal(fgetc(file), EOF);
    fclose(file);
    assert_int_equal(wrong, 0);
}

/* One step of each spacing, and leading timesteps beyond the last. */
static void test_timesteps_at_the_ends(void **state)
{
    pb_schedule *s;
    recorder r = {0};
    const pb_denoiser denoiser = {.context = &r, .size = 1, .predict = record};
    pb_spaced_options o = {.steps = 1000, .steps_offset = 1};
    pb_error refusal = {0};
    float x = 0;

    (void)state;
    assert_int_equal(pb_spaced_time(1000, 1, PB_SPACING_LEADING, 1, 0), 1);
    assert_int_equal(pb_spaced_time(1000, 1, PB_SPACING_TRAILING, 1, 0), 999);
    assert_int_equal(pb_spaced_time(1000, 1, PB_SPACING_LINSPACE, 1, 0), 0);
    assert_int_equal(pb_spaced_time(1000, 61, PB_SPACING_TRAILING, 0, 60), 15);
    MUST(pb_schedule_new(&s, &PB_SCHEDULE_DEFAULTS, error));
    assert_int_equal(pb_ddim_spaced(s, &denoiser, 1, denoiser.size, &x, &o, NULL, &refusal),
                     PB_INVALID);
    assert_string_equal(refusal.message, "steps_offset 1: timesteps beyond 999");
    assert_int_equal(r.calls, 0);
    pb_schedule_free(s);
}

/* -- random numbers
 * ---------------------------------------------------------------------------------- */

static void assert_drawn(pb_rng *rng, const pb_tensor *expected)
{
    size_t count = pb_tensor_count(expected);
    float *x = pb_malloc(count, sizeof *x);

    pb_randn(rng, x, count);
    for (size_t i = 0; i < count; i++)
        assert_true(fabs((double)x[i] - (double)expected->data[i]) <= 2e-6);
    pb_free(x);
}

static void test_randn(void **state)
{
    size_t checked = 0;
    pb_weights *io;

    (void)state;
    MUST(pb_weights_open(&io, GOLDEN "randn.safetensors", error));
    for (size_t i = 0; i < pb_weights_count(io); i++) {
        const char *name = pb_weights_at(io, i)->name;
        unsigned long long seed;
        int end = 0;
        pb_rng *rng;

        if (sscanf(name, "seed%llu.%n", &seed, &end) != 1)
            fail_msg("%s", name);
        MUST(pb_rng_new(&rng, seed, error));
        if (!strcmp(name + end, "stream.a"))
            for (char part = 'a'; part <= 'c'; part++) {
                pb_tensor expected = golden(io, "seed%llu.stream.%c", seed, part);
                assert_drawn(rng, &expected);
                pb_tensor_clear(&expected);
            }
        else if (strncmp(name + end, "stream", 6)) {
            pb_tensor expected = golden(io, "%s", name);
            assert_drawn(rng, &expected);
            pb_tensor_clear(&expected);
        }
        checked++;
        pb_rng_free(rng);
    }
    assert_true(checked >= 4);
    pb_weights_free(io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedules), cmocka_unit_test(test_names),
        cmocka_unit_test(test_zero_snr),  cmocka_unit_test(test_grid),
        cmocka_unit_test(test_timesteps), cmocka_unit_test(test_timesteps_at_the_ends),
        cmocka_unit_test(test_randn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
