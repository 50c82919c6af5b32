#include "diffusion/schedule.h"

#include <math.h>

#include "base/memory.h"

/* Entry i of torch.linspace(start, end, n) in float32: counted from the nearer end. */
static float linspace(float start, float end, size_t n, size_t i)
{
    float step = (end - start) / (float)(n - 1);

    return i < n / 2 ? fmaf(step, (float)i, start) : fmaf(-step, (float)(n - 1 - i), end);
}

/* Nichol & Dhariwal 2021, eq. 17. */
static double cosine(double t)
{
    double c = cos((t + 0.008) / 1.008 * M_PI / 2);

    return c * c;
}

static float beta(const pb_schedule_options *o, size_t i)
{
    switch (o->betas) {
    case PB_BETAS_LINEAR:
        return linspace((float)o->beta_start, (float)o->beta_end, o->length, i);
    case PB_BETAS_SCALED_LINEAR: {
        float root = linspace((float)sqrt(o->beta_start), (float)sqrt(o->beta_end), o->length, i);
        return root * root;
    }
    case PB_BETAS_SQUAREDCOS_CAP_V2: {
        double n = (double)o->length;
        return (float)fmin(1 - cosine(((double)i + 1) / n) / cosine((double)i / n), 0.999);
    }
    case PB_BETAS_TRAINED:
        return o->trained_betas[i];
    }
    return NAN;
}

/* alpha-bar of betas in place: a product in double, rounded at each step. */
static pb_status multiply(float *betas, size_t T, pb_error *error)
{
    double product = 1;

    for (size_t i = 0; i < T; i++) {
        float b = betas[i], alpha = 1.0f - b;
        product *= (double)alpha;
        betas[i] = (float)product;
        if (!(b > 0.0f && b < 1.0f) || !(betas[i] > 0.0f) || betas[i] >= 1.0f)
            return pb_fail(error, PB_INVALID,
                           "a noise schedule with beta = %g at step %zu (alpha-bar %g): expected "
                           "both within (0, 1)",
                           (double)b, i, product);
    }
    return PB_OK;
}

/* Lin et al. 2024, algorithm 1, in float32 as rescale_zero_terminal_snr of diffusers:
 * sqrt(alpha-bar) is shifted so that it ends at 0, and scaled so that it begins where it did. */
static pb_status rescale(float *alpha_bar, size_t T, pb_error *error)
{
    float first = sqrtf(alpha_bar[0]), last = sqrtf(alpha_bar[T - 1]);
    float scale = first / (first - last), before = 1;
    double product = 1;

    for (size_t i = 0; i < T; i++) {
        float root = (sqrtf(alpha_bar[i]) - last) * scale, rescaled = root * root;
        float beta = 1.0f - rescaled / before; /* diffusers goes by way of the betas */
        product *= (double)(1.0f - beta);
        before = rescaled;
        alpha_bar[i] = (float)product;
        if (!(alpha_bar[i] > 0.0f) && i + 1 < T)
            return pb_fail(
                error, PB_INVALID,
                "a noise schedule that falls too little to end at 0 (alpha-bar %g at step "
                "%zu of %zu once it is rescaled)",
                product, i, T);
    }
    return PB_OK;
}

static pb_status check_options(const pb_schedule_options *o, pb_error *error)
{
    if (o->betas == PB_BETAS_TRAINED && !o->trained_betas)
        return pb_fail(error, PB_INVALID, "trained betas without any");
    if ((int)o->betas < PB_BETAS_LINEAR || (int)o->betas > PB_BETAS_TRAINED)
        return pb_fail(error, PB_INVALID, "betas %d are not known", (int)o->betas);
    if ((int)o->prediction < PB_PREDICTION_EPSILON || (int)o->prediction > PB_PREDICTION_SAMPLE)
        return pb_fail(error, PB_INVALID, "prediction %d is not known", (int)o->prediction);
    if (o->length < PB_LEAST_LENGTH || o->length > PB_MOST_LENGTH)
        return pb_fail(error, PB_INVALID, "a noise schedule of %zu steps: expected %d to %d",
                       o->length, PB_LEAST_LENGTH, PB_MOST_LENGTH);
    if (o->zero_snr && o->prediction == PB_PREDICTION_EPSILON)
        return pb_fail(error, PB_UNSUPPORTED,
                       "rescale_betas_zero_snr with prediction_type \"epsilon\": expected "
                       "v_prediction or sample, since the noise of pure noise says nothing of the "
                       "image");
    return PB_OK;
}

void pb_schedule_options_init(pb_schedule_options *options)
{
    if (options)
        *options = PB_SCHEDULE_DEFAULTS;
}

pb_status pb_schedule_new(pb_schedule **out, const pb_schedule_options *options, pb_error *error)
{
    pb_schedule *s;
    pb_status status;
    size_t T;

    PB_OUT(out, "the schedule");
    PB_NEED(options, "options");
    T = options->length;
    PB_TRY(check_options(options, error));
    s = pb_calloc(1, sizeof *s);
    if (s)
        s->alpha_bar = pb_malloc(T, sizeof *s->alpha_bar);
    if (!s || !s->alpha_bar) {
        pb_free(s);
        return pb_fail_memory(error, T * sizeof *s->alpha_bar, "a noise schedule");
    }
    s->prediction = options->prediction;
    s->T = T;
    for (size_t i = 0; i < T; i++)
        s->alpha_bar[i] = beta(options, i);
    status = multiply(s->alpha_bar, T, error);
    if (status == PB_OK && options->zero_snr)
        status = rescale(s->alpha_bar, T, error);
    if (status == PB_OK)
        status = pb_schedule_name(
            s, options->betas == PB_BETAS_TRAINED ? "trained" : pb_betas_names[options->betas],
            error);
    if (status != PB_OK) {
        pb_schedule_free(s);
        return status;
    }
    *out = s;
    return PB_OK;
}

void pb_schedule_free(pb_schedule *schedule)
{
    if (!schedule)
        return;
    pb_free(schedule->alpha_bar);
    pb_free(schedule);
}

size_t pb_schedule_length(const pb_schedule *schedule)
{
    return schedule->T;
}

pb_prediction pb_schedule_prediction(const pb_schedule *schedule)
{
    return schedule->prediction;
}

double pb_alpha_bar(const pb_schedule *schedule, size_t t)
{
    t = t < schedule->T ? t : schedule->T - 1;
    return schedule->alpha_bar ? (double)schedule->alpha_bar[t]
                               : pb_path_at(schedule, (double)t).signal;
}
