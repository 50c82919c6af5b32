#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/run.h"
#include "base/shape.h"
#include "diffusion/clip.h"
#include "diffusion/denoiser.h"
#include "diffusion/schedule.h"

void pb_ddim_options_init(pb_ddim_options *options)
{
    if (options)
        *options = PB_DDIM_DEFAULTS;
}

void pb_spaced_options_init(pb_spaced_options *options)
{
    if (options)
        *options = PB_SPACED_DEFAULTS;
}

/* A step: from the point `at` of the path, at the network's time `time`, to `as`. */
typedef struct move {
    double time;
    pb_path_point at, as;
    size_t to; /* the point where it ends, for messages */
    int stochastic, clips;
} move;

/* Song et al. 2021, eq. 12: x' = a' x0hat + sqrt(s'^2 - v) e + sqrt(v) z, where v = 0 for eta = 0,
 * and for eta = 1 the variance v = (s^2 - (a/a')^2 s'^2) s'^2/s^2 of x' given x and x0, which is
 * (1 - (a/a')^2) s'^2/s^2 where a^2 + s^2 = 1. x0hat and e are each affine in x and the network's
 * output, so that nothing is divided by a = 0. */
typedef struct coefficients {
    double x0_x, x0_out;            /* x0hat = x0_x x_t + x0_out o */
    double eps_x, eps_out;          /* e = eps_x x_t + eps_out o */
    double image, direction, noise; /* x' = image x0hat + direction e + noise z */
} coefficients;

static double variance(const pb_schedule *schedule, const pb_path_point *at,
                       const pb_path_point *as)
{
    double left = at->signal / as->signal;

    if (pb_schedule_prediction(schedule) != PB_PREDICTION_VELOCITY)
        return (1 - left) * as->noise / at->noise;
    return (at->noise - left * as->noise) * as->noise / at->noise;
}

static coefficients coefficients_of(const pb_schedule *schedule, const move *m)
{
    double v = m->stochastic ? variance(schedule, &m->at, &m->as) : 0;
    coefficients c = {
        .image = m->as.a, .direction = sqrt(fmax(m->as.noise - v, 0)), .noise = sqrt(fmax(v, 0))};

    pb_path_x0(schedule, &m->at, &c.x0_x, &c.x0_out);
    pb_path_eps(schedule, &m->at, &c.eps_x, &c.eps_out);
    return c;
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
    pb_work work;
    pb_run part; /* of it: what the denoiser works under */
    size_t n;
    float *x, *out, *next; /* of all images */
    float *z;              /* of one */
    const pb_clip *clip;   /* of the steps that do */
    double *x0, *sorted;   /* of one, for it; or NULL */
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
    pb_free(v->x0);
    pb_free(v->sorted);
    pb_work_end(&v->work);
}

static pb_status travel_begin(travel *v, const pb_schedule *schedule, const pb_denoiser *denoiser,
                              size_t n, float *x, const pb_clip *clip, const pb_run *run,
                              const char *task, size_t steps, pb_error *error)
{
    size_t count = n * denoiser->size;
    int clips = clip->kind != PB_CLIP_NONE;
    pb_status status;

    PB_TRY(pb_count_check(n, denoiser->size, 1, "images", error));

    *v = (travel){.schedule = schedule,
                  .denoiser = denoiser,
                  .n = n,
                  .x = x,
                  .out = pb_malloc(count, sizeof(float)),
                  .next = pb_malloc(count, sizeof(float)),
                  .z = pb_malloc(denoiser->size, sizeof(float)),
                  .clip = clip,
                  .x0 = clips ? pb_malloc(denoiser->size, sizeof(double)) : NULL,
                  .sorted = clips ? pb_malloc(denoiser->size, sizeof(double)) : NULL};
    status = pb_work_begin(&v->work, run, task, steps, error);
    if (status == PB_OK && !(v->out && v->next && v->z && (!clips || (v->x0 && v->sorted))))
        status = pb_fail_memory(error, count * sizeof(float), "images");
    if (status == PB_OK)
        v->part = pb_work_part(&v->work);
    else
        travel_end(v);
    return status;
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

/* One image's step: from x and the network's output to next; z: noise, or NULL. */
static void move_one(const coefficients *c, size_t size, const float *x, const float *out,
                     const float *z, float *next)
{
    double of_x = c->image * c->x0_x + c->direction * c->eps_x;
    double of_out = c->image * c->x0_out + c->direction * c->eps_out;

    for (size_t k = 0; k < size; k++)
        next[k] = (float)(of_x * (double)x[k] + of_out * (double)out[k] +
                          (z ? c->noise * (double)z[k] : 0));
}

/* The same by way of x0hat, which is clipped. */
static void move_clipped(const travel *v, const coefficients *c, const float *x, const float *out,
                         const float *z, float *next)
{
    size_t size = v->denoiser->size;

    for (size_t k = 0; k < size; k++)
        v->x0[k] = c->x0_x * (double)x[k] + c->x0_out * (double)out[k];
    pb_clip_image(v->clip, size, v->x0, v->sorted);
    for (size_t k = 0; k < size; k++) {
        double eps = c->eps_x * (double)x[k] + c->eps_out * (double)out[k];
        next[k] =
            (float)(c->image * v->x0[k] + c->direction * eps + (z ? c->noise * (double)z[k] : 0));
    }
}

/* One step of all images. */
static pb_status step(travel *v, const move *m, pb_error *error)
{
    size_t size = v->denoiser->size;
    coefficients c = coefficients_of(v->schedule, m);

    PB_TRY(pb_denoiser_predict(v->denoiser, v->n, v->x, m->time, v->out, &v->part, error));
    for (size_t i = 0; i < v->n; i++) {
        const float *x = v->x + i * size, *out = v->out + i * size;
        const float *z = m->stochastic ? v->z : NULL;

        if (m->stochastic && i < v->rngs) /* else the first image's z serves */
            pb_randn(v->rng[i], v->z, size);
        if (m->clips && v->clip->kind != PB_CLIP_NONE)
            move_clipped(v, &c, x, out, z, v->next + i * size);
        else
            move_one(&c, size, x, out, z, v->next + i * size);
    }
    PB_TRY(check_finite(v->next, v->n, size, m->to, error));
    memcpy(v->x, v->next, v->n * size * sizeof *v->x);
    return PB_OK;
}

/* The spacing has to be one of those that there are, and the first, noisiest timestep below T. */
static pb_status check_spaced(size_t T, const pb_spaced_options *o, pb_error *error)
{
    if (o->steps < 1 || o->steps > T)
        return pb_fail(error, PB_INVALID, "%zu steps: expected 1 to %zu", o->steps, T);
    if ((int)o->spacing < PB_SPACING_LEADING || (int)o->spacing > PB_SPACING_LINSPACE)
        return pb_fail(error, PB_INVALID, "spacing %d is not known", (int)o->spacing);
    if (o->spacing == PB_SPACING_LEADING &&
        (o->steps_offset >= T || pb_spaced_time(T, o->steps, o->spacing, o->steps_offset, 0) >= T))
        return pb_fail(error, PB_INVALID, "steps_offset %zu: timesteps beyond %zu", o->steps_offset,
                       T - 1);
    return pb_clip_check(&o->clip, error);
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
    return pb_clip_check(&options->clip, error);
}

pb_status pb_ddim(const pb_schedule *schedule, const pb_denoiser *denoiser, size_t n, size_t size,
                  float *x, size_t from, size_t to, const pb_ddim_options *options,
                  const pb_run *run, pb_error *error)
{
    size_t apart = from > to ? from - to : to - from, stride, T, S;
    pb_status status;
    travel v;

    PB_NEED(schedule, "a schedule");
    PB_TRY(pb_denoiser_check(denoiser, size, error));
    PB_NEED(x, "images");
    PB_NEED(options, "options");
    T = pb_schedule_length(schedule);
    S = options->steps;
    PB_TRY(check(schedule, from, to, options, error));
    stride = options->stride ? options->stride : 1;
    PB_TRY(travel_begin(&v, schedule, denoiser, n, x, &options->clip, run,
                        from < to ? "inverting" : "sampling",
                        apart / stride + (apart % stride != 0), error));
    status = options->boost == SIZE_MAX ? PB_OK : seed(&v, options, error);
    for (size_t done = 0, i = from; status == PB_OK && i != to; done++) {
        size_t left = from > to ? i - to : to - i, by = left < stride ? left : stride;
        size_t j = from > to ? i - by : i + by;
        int boosted = from > to && options->boost != SIZE_MAX && i <= options->boost;

        status = step(&v,
                      &(move){.time = pb_grid_time(T, S, i),
                              .at = pb_path_at_grid(schedule, S, i),
                              .as = pb_path_at_grid(schedule, S, j),
                              .to = j,
                              .stochastic = boosted && j != 0,
                              .clips = boosted},
                      error);
        if (status == PB_OK)
            status = pb_work_step(&v.work, done + 1, error);
        i = j;
    }
    travel_end(&v);
    return status;
}

pb_status pb_ddim_spaced(const pb_schedule *schedule, const pb_denoiser *denoiser, size_t n,
                         size_t size, float *x, const pb_spaced_options *options, const pb_run *run,
                         pb_error *error)
{
    const pb_spaced_options *o = options;
    pb_status status = PB_OK;
    size_t T, S;
    pb_path_point end;
    travel v;

    PB_NEED(schedule, "a schedule");
    PB_TRY(pb_denoiser_check(denoiser, size, error));
    PB_NEED(x, "images");
    PB_NEED(o, "options");
    T = pb_schedule_length(schedule);
    S = o->steps;
    end = o->set_alpha_to_one ? (pb_path_point){1, 0, 1, 0} : pb_path_at(schedule, 0);
    PB_TRY(check_spaced(T, o, error));
    PB_TRY(travel_begin(&v, schedule, denoiser, n, x, &o->clip, run, "sampling", S, error));
    for (size_t i = 0; status == PB_OK && i < S; i++) {
        size_t t = pb_spaced_time(T, S, o->spacing, o->steps_offset, i);
        size_t j = t < T / S ? 0 : t - T / S;

        status = step(&v,
                      &(move){.time = (double)t,
                              .at = pb_path_at(schedule, (double)t),
                              .as = t < T / S ? end : pb_path_at(schedule, (double)j),
                              .to = j,
                              .clips = 1},
                      error);
        if (status == PB_OK)
            status = pb_work_step(&v.work, i + 1, error);
    }
    travel_end(&v);
    return status;
}
