#include "backends/cpu/activation.h"

#include <math.h>

#include "backends/cpu/exponential.h"
#include "base/vector.h"

/* s = 1 / (1 + exp(-x));  (x s)' = s (1 + x (1 - s)) */
PB_VECTOR static void silu(size_t count, float *x)
{
    for (size_t i = 0; i < count; i++)
        x[i] = x[i] / (1.0f + pb_expf(-x[i]));
}

/* Once per linearisation: in double, so that nothing is lost before the linear passes. */
static void silu_slope(size_t count, float *restrict x, float *restrict slope)
{
    for (size_t i = 0; i < count; i++) {
        double s = 1.0 / (1.0 + exp(-(double)x[i]));
        slope[i] = (float)(s * (1.0 + (double)x[i] * (1.0 - s)));
        x[i] = (float)((double)x[i] * s);
    }
}

/* With e = exp x: tanh(log(1 + e)) = e(e + 2) / (e(e + 2) + 2) = w; for large x, w = 1.
 * (x w)' = w + x (1 - w^2) s, s the logistic function. */
static void mish(size_t count, float *x, float *slope)
{
    for (size_t i = 0; i < count; i++) {
        float e = expf(fminf(x[i], 20.0f)), t = e * (e + 2.0f);
        float w = t / (t + 2.0f), s = e / (1.0f + e);
        if (slope)
            slope[i] = w + x[i] * (1.0f - w * w) * s;
        x[i] *= w;
    }
}

/* Phi = (1 + erf(x / sqrt 2)) / 2;  (x Phi)' = Phi + x exp(-x^2 / 2) / sqrt(2 pi) */
static void gelu(size_t count, float *x)
{
    for (size_t i = 0; i < count; i++)
        x[i] *= 0.5f * erfcf(-x[i] * 0.70710678f);
}

static void gelu_slope(size_t count, float *restrict x, float *restrict slope)
{
    for (size_t i = 0; i < count; i++) {
        double z = (double)x[i], phi = 0.5 * erfc(-z * 0.70710678118654752);
        slope[i] = (float)(phi + z * 0.39894228040143268 * exp(-0.5 * z * z));
        x[i] = (float)(z * phi);
    }
}

/* With s = 1 / (1 + exp(-a x)):  (x s)' = s (1 + a x (1 - s)) */
static void quick_gelu(size_t count, float *x, float *slope)
{
    const double a = 1.702;

    for (size_t i = 0; i < count; i++) {
        double z = (double)x[i], s = 1 / (1 + exp(-a * z));
        if (slope)
            slope[i] = (float)(s * (1 + a * z * (1 - s)));
        x[i] = (float)(z * s);
    }
}

static void relu(size_t count, float *x, float *slope)
{
    for (size_t i = 0; i < count; i++) {
        if (slope)
            slope[i] = x[i] > 0.0f ? 1.0f : 0.0f;
        x[i] = x[i] > 0.0f ? x[i] : 0.0f;
    }
}

void pb_activation_apply(pb_activation activation, size_t count, float *x, float *slope)
{
    switch (activation) {
    case PB_ACT_NONE:
        for (size_t i = 0; slope && i < count; i++)
            slope[i] = 1.0f;
        return;
    case PB_ACT_SILU:
        if (slope)
            silu_slope(count, x, slope);
        else
            silu(count, x);
        return;
    case PB_ACT_MISH:
        mish(count, x, slope);
        return;
    case PB_ACT_GELU:
        if (slope)
            gelu_slope(count, x, slope);
        else
            gelu(count, x);
        return;
    case PB_ACT_QUICK_GELU:
        quick_gelu(count, x, slope);
        return;
    case PB_ACT_RELU:
        relu(count, x, slope);
        return;
    }
}
