#include <pullback/diffusion.h>

#include <math.h>

#include "base/memory.h"

#define MAX_LENGTH 100000

struct pb_schedule {
    pb_prediction prediction;
    size_t T;
    float *alpha_bar; /* T */
};

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

static float beta(pb_beta_schedule kind, size_t T, double start, double end, const float *trained,
                  size_t i)
{
    switch (kind) {
    case PB_BETAS_LINEAR:
        return linspace((float)start, (float)end, T, i);
    case PB_BETAS_SCALED_LINEAR: {
        float root = linspace((float)sqrt(start), (float)sqrt(end), T, i);
        return root * root;
    }
    case PB_BETAS_SQUAREDCOS_CAP_V2: {
        double n = (double)T;
        return (float)fmin(1 - cosine(((double)i + 1) / n) / cosine((double)i / n), 0.999);
    }
    case PB_BETAS_TRAINED:
        return trained[i];
    }
    return NAN;
}

pb_status pb_schedule_new(pb_schedule **out, pb_beta_schedule kind, size_t T, double beta_start,
                          double beta_end, const float *trained_betas, pb_prediction prediction,
                          pb_error *error)
{
    pb_schedule *s;
    double product = 1;

    if (T < 2 || T > MAX_LENGTH)
        return pb_fail(error, PB_INVALID, "a noise schedule of %zu steps: expected 2 to %d", T,
                       MAX_LENGTH);
    s = pb_calloc(1, sizeof *s);
    if (s)
        s->alpha_bar = pb_malloc(T, sizeof *s->alpha_bar);
    if (!s || !s->alpha_bar) {
        pb_free(s);
        return pb_fail_memory(error, T * sizeof *s->alpha_bar, "a noise schedule");
    }
    s->prediction = prediction;
    s->T = T;
    for (size_t i = 0; i < T; i++) {
        float b = beta(kind, T, beta_start, beta_end, trained_betas, i), alpha = 1.0f - b;
        product *= (double)alpha;
        s->alpha_bar[i] = (float)product;
        if (!(b > 0.0f && b < 1.0f) || !(s->alpha_bar[i] > 0.0f) || s->alpha_bar[i] >= 1.0f) {
            pb_schedule_free(s);
            return pb_fail(error, PB_INVALID,
                           "a noise schedule with beta = %g at step %zu (alpha-bar %g): expected "
                           "both within (0, 1)",
                           (double)b, i, product);
        }
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
    return (double)schedule->alpha_bar[t < schedule->T ? t : schedule->T - 1];
}

void pb_eps_coefficients(pb_prediction prediction, double alpha_bar, double *a, double *b)
{
    *a = 0;
    *b = 1;
    if (prediction == PB_V_PREDICTION) {
        *a = sqrt(1 - alpha_bar);
        *b = sqrt(alpha_bar);
    } else if (prediction == PB_SAMPLE) {
        *a = 1 / sqrt(1 - alpha_bar);
        *b = -sqrt(alpha_bar) / sqrt(1 - alpha_bar);
    }
}

void pb_x0_coefficients(pb_prediction prediction, double alpha_bar, double *a, double *b)
{
    *a = 0;
    *b = 1;
    if (prediction == PB_EPSILON) {
        *a = 1 / sqrt(alpha_bar);
        *b = -sqrt(1 - alpha_bar) / sqrt(alpha_bar);
    } else if (prediction == PB_V_PREDICTION) {
        *a = sqrt(alpha_bar);
        *b = -sqrt(1 - alpha_bar);
    }
}
