#include <pullback/diffusion.h>

#include <math.h>
#include <string.h>

#include "base/memory.h"

/* x_s = x x_t + out o + noise z: a step, as three numbers; o is the network's output. */
typedef struct coefficients {
    double x, out, noise;
} coefficients;

/* Song et al. 2021, eq. 12: x_s = sqrt(as) x0hat + sqrt(1 - as - v) e + sqrt(v) z, where v = 0 for
 * eta = 0, and v = (1 - at/as)(1 - as)/(1 - at) for eta = 1. x0hat and e are each affine in x_t and
 * the output, so that nothing is divided by at = 0. */
static coefficients step_coefficients(pb_prediction prediction, double at, double as,
                                      int stochastic)
{
    double variance = stochastic ? (1 - at / as) * (1 - as) / (1 - at) : 0;
    double image = sqrt(as), direction = sqrt(fmax(1 - as - variance, 0));
    double x0_x, x0_out, eps_x, eps_out;

    pb_x0_coefficients(prediction, at, &x0_x, &x0_out);
    pb_eps_coefficients(prediction, at, &eps_x, &eps_out);
    return (coefficients){
        .x = image * x0_x + direction * eps_x,
        .out = image * x0_out + direction * eps_out,
        .noise = sqrt(fmax(variance, 0)),
    };
}

static pb_status check_finite(const float *x, size_t n, size_t size, size_t at, pb_error *error)
{
    for (size_t i = 0; i < n * size; i++)
        if (!isfinite(x[i]))
            return pb_fail(error, PB_NUMERIC,
                           "image %zu is not finite after the step to grid point %zu", i / size,
                           at);
    return PB_OK;
}

/* Images on their way, with room for what a step needs. */
typedef struct travel {
    const pb_schedule *schedule;
    const pb_denoiser *denoiser;
    size_t n;
    float *x, *out, *next; /* of all images */
    float *z;              /* of one */
    pb_rng **rng;          /* of stochastic steps: of all images, or of each */
    size_t rngs;
} travel;

static void travel_end(travel *v)
{
    for (size_t i = 0; i < v->rngs; i++)
        pb_rng_free(v->rng[i]);
    pb_free(v->rng);
    pb_free(v->out);
    pb_free(v->next);
    pb_free(v->z);
}

static pb_status travel_begin(travel *v, const pb_schedule *schedule, const pb_denoiser *denoiser,
                              size_t n, float *x, pb_error *error)
{
    size_t count = n * denoiser->size;

    *v = (travel){.schedule = schedule,
                  .denoiser = denoiser,
                  .n = n,
                  .x = x,
                  .out = pb_malloc(count, sizeof(float)),
                  .next = pb_malloc(count, sizeof(float)),
                  .z = pb_malloc(denoiser->size, sizeof(float))};
    if (v->out && v->next && v->z)
        return PB_OK;
    travel_end(v);
    return pb_fail_memory(error, count * sizeof(float), "images");
}

/* The streams that stochastic steps draw from. */
static pb_status seed(travel *v, const pb_ddim_options *options, pb_error *error)
{
    size_t count = options->own_noise ? v->n : 1;
    uint64_t first = options->noise_seed + (options->own_noise ? (uint64_t)1 << 31 : 0);
    uint64_t apart = (uint64_t)1 << 16;

    v->rng = pb_calloc(count, sizeof(pb_rng *));
    if (!v->rng)
        return pb_fail_memory(error, count * sizeof(pb_rng *), "random number generators");
    for (; v->rngs < count; v->rngs++)
        PB_TRY(pb_rng_new(&v->rng[v->rngs], first + apart * v->rngs, error));
    return PB_OK;
}

/* One step of all images at the network's time `time`, from alpha-bar `at` to `as`; j: where it
 * ends, for messages. */
static pb_status step(const travel *v, double time, double at, double as, size_t j, int stochastic,
                      pb_error *error)
{
    size_t size = v->denoiser->size;
    coefficients c = step_coefficients(pb_schedule_prediction(v->schedule), at, as, stochastic);

    PB_TRY(v->denoiser->predict(v->denoiser->context, v->n, v->x, time, v->out, error));
    for (size_t i = 0; i < v->n; i++) {
        const float *x = v->x + i * size, *out = v->out + i * size;
        if (stochastic && i < v->rngs) /* else the first image's z serves */
            pb_randn(v->rng[i], v->z, size);
        for (size_t k = 0; k < size; k++)
            v->next[i * size + k] = (float)(c.x * (double)x[k] + c.out * (double)out[k] +
                                            (stochastic ? c.noise * (double)v->z[k] : 0));
    }
    PB_TRY(check_finite(v->next, v->n, size, j, error));
    memcpy(v->x, v->next, v->n * size * sizeof *v->x);
    return PB_OK;
}

static pb_status report(pb_progress progress, void *context, size_t done, size_t total,
                        pb_error *error)
{
    return progress && progress(context, done, total) ? pb_fail(error, PB_CANCELLED, "cancelled")
                                                      : PB_OK;
}

static pb_status check(const pb_schedule *schedule, size_t from, size_t to,
                       const pb_ddim_options *options, pb_error *error)
{
    size_t S = options->steps;

    if (S < 2 || S > pb_schedule_length(schedule))
        return pb_fail(error, PB_INVALID, "%zu steps: expected 2 to %zu", S,
                       pb_schedule_length(schedule));
    if (from >= S || to >= S)
        return pb_fail(error, PB_INVALID, "grid points %zu to %zu: the grid has %zu", from, to, S);
    return PB_OK;
}

pb_status pb_ddim(const pb_schedule *schedule, const pb_denoiser *denoiser, size_t n, float *x,
                  size_t from, size_t to, const pb_ddim_options *options, pb_error *error)
{
    size_t total = from > to ? from - to : to - from;
    size_t T = pb_schedule_length(schedule), S = options->steps;
    pb_status status;
    travel v;

    PB_TRY(check(schedule, from, to, options, error));
    PB_TRY(travel_begin(&v, schedule, denoiser, n, x, error));
    status = options->boost == SIZE_MAX ? PB_OK : seed(&v, options, error);
    for (size_t done = 0, i = from; status == PB_OK && i != to; done++) {
        size_t j = from > to ? i - 1 : i + 1;
        int stochastic = from > to && options->boost != SIZE_MAX && i <= options->boost && j != 0;

        status = step(&v, pb_grid_time(T, S, i), pb_alpha_bar(schedule, pb_grid_index(T, S, i)),
                      pb_alpha_bar(schedule, pb_grid_index(T, S, j)), j, stochastic, error);
        if (status == PB_OK)
            status = report(options->progress, options->progress_context, done + 1, total, error);
        i = j;
    }
    travel_end(&v);
    return status;
}

pb_status pb_ddim_spaced(const pb_schedule *schedule, const pb_denoiser *denoiser, size_t n,
                         float *x, const pb_spaced_options *options, pb_error *error)
{
    const pb_spaced_options *o = options;
    size_t T = pb_schedule_length(schedule), S = o->steps;
    double end = o->set_alpha_to_one ? 1 : pb_alpha_bar(schedule, 0);
    pb_status status = PB_OK;
    travel v;

    if (S < 1 || S > T)
        return pb_fail(error, PB_INVALID, "%zu steps: expected 1 to %zu", S, T);
    if (pb_spaced_time(T, S, o->spacing, o->steps_offset, 0) >= T)
        return pb_fail(error, PB_INVALID, "steps_offset %zu: timesteps beyond %zu", o->steps_offset,
                       T - 1);
    PB_TRY(travel_begin(&v, schedule, denoiser, n, x, error));
    for (size_t i = 0; status == PB_OK && i < S; i++) {
        size_t t = pb_spaced_time(T, S, o->spacing, o->steps_offset, i);
        size_t j = t < T / S ? 0 : t - T / S;

        status = step(&v, (double)t, pb_alpha_bar(schedule, t),
                      t < T / S ? end : pb_alpha_bar(schedule, j), j, 0, error);
        if (status == PB_OK)
            status = report(o->progress, o->progress_context, i + 1, S, error);
    }
    travel_end(&v);
    return status;
}
