#include <pullback/diffusion.h>

#include <math.h>

#include "base/memory.h"

/* x_s = x x_t + eps e + noise z: a step, as three numbers. */
typedef struct coefficients {
    double x, eps, noise;
} coefficients;

/* Song et al. 2021, eq. 12: with x0hat = (x - sqrt(1-at) e)/sqrt(at),
 * x_s = sqrt(as) x0hat + sqrt(1 - as - v) e + sqrt(v) z, where v = 0 for eta = 0, and
 * v = (1 - at/as)(1 - as)/(1 - at) for eta = 1. */
static coefficients step_coefficients(double at, double as, int stochastic)
{
    double variance = stochastic ? (1 - at / as) * (1 - as) / (1 - at) : 0;
    double x = sqrt(as / at);

    return (coefficients){
        .x = x,
        .eps = sqrt(fmax(1 - as - variance, 0)) - x * sqrt(1 - at),
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

/* One step of all images from grid point i to j; eps and next have room for them, z for one. */
static pb_status step(const pb_schedule *schedule, const pb_denoiser *denoiser, size_t n, float *x,
                      size_t i, size_t j, size_t S, pb_rng *rng, float *eps, float *next, float *z,
                      pb_error *error)
{
    size_t T = pb_schedule_length(schedule), size = denoiser->size;
    double at = pb_alpha_bar(schedule, pb_grid_index(T, S, i));
    double as = pb_alpha_bar(schedule, pb_grid_index(T, S, j));
    coefficients c = step_coefficients(at, as, rng != NULL);

    PB_TRY(denoiser->predict(denoiser->context, n, x, pb_grid_time(T, S, i), eps, error));
    if (rng)
        pb_randn(rng, z, size);
    for (size_t k = 0; k < n * size; k++)
        next[k] = (float)(c.x * (double)x[k] + c.eps * (double)eps[k] +
                          (rng ? c.noise * (double)z[k % size] : 0));
    PB_TRY(check_finite(next, n, size, j, error));
    for (size_t k = 0; k < n * size; k++)
        x[k] = next[k];
    return PB_OK;
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
    size_t total = from > to ? from - to : to - from, count = n * denoiser->size;
    float *eps = NULL, *next = NULL, *z = NULL;
    pb_rng *rng = NULL;
    pb_status status;

    PB_TRY(check(schedule, from, to, options, error));
    eps = pb_malloc(count, sizeof *eps);
    next = pb_malloc(count, sizeof *next);
    z = pb_malloc(denoiser->size, sizeof *z);
    if (!eps || !next || !z)
        status = pb_fail_memory(error, count * sizeof *eps, "images");
    else
        status = pb_rng_new(&rng, options->noise_seed, error);
    for (size_t done = 0, i = from; status == PB_OK && i != to; done++) {
        size_t j = from > to ? i - 1 : i + 1;
        int stochastic = from > to && options->boost != SIZE_MAX && i <= options->boost && j != 0;

        status = step(schedule, denoiser, n, x, i, j, options->steps, stochastic ? rng : NULL, eps,
                      next, z, error);
        if (status == PB_OK && options->progress &&
            options->progress(options->progress_context, done + 1, total))
            status = pb_fail(error, PB_CANCELLED, "cancelled");
        i = j;
    }
    pb_rng_free(rng);
    pb_free(eps);
    pb_free(next);
    pb_free(z);
    return status;
}
