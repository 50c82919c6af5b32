/* Norms. With mean m and variance s^2 over a set of entries, r = 1/sqrt(s^2 + eps), x^ = r (x - m):
 *
 *     forward   y  = act(z),  z = gamma x^ + beta
 *     jvp       dy = A N dx,  A = act'(z) gamma,  N v = r (v - mean(v) - x^ mean(x^ v))
 *     vjp       dx = N A dy,  since N is symmetric
 *
 * gamma and beta may be modulated (ops.h).
 */
#include <math.h>

#include "backends/reference/item.h"

/* A set: some positions, and some neighbouring channels of each; with what is measured on it. */
typedef struct set {
    const pb_reference_item *it;
    pb_activation activation;
    size_t row, rows, first, channels;
    double mean, r;
} set;

/* Every entry of a set: `at` is its number in the item. */
#define EACH(s, at)                                                                                \
    for (size_t row_ = (s)->row; row_ < (s)->row + (s)->rows; row_++)                              \
        for (size_t at = row_ * (s)->it->out.c + (s)->first, end_ = at + (s)->channels; at < end_; \
             at++)

static void measure(set *s, double eps)
{
    const double *x = s->it->at[0];
    double count = (double)s->rows * (double)s->channels, sum = 0, squares = 0;

    EACH(s, i)
    sum += x[i];
    s->mean = sum / count;
    EACH(s, i)
    squares += (x[i] - s->mean) * (x[i] - s->mean);
    s->r = 1 / sqrt(squares / count + eps);
}

static double normal(const set *s, size_t i)
{
    return s->r * (s->it->at[0][i] - s->mean);
}

/* y of an entry, and A. */
static double value(const set *s, size_t i, double *a)
{
    const pb_reference_item *it = s->it;
    size_t c = i % it->out.c;
    double scale = it->inputs > 1 ? 1 + it->at[1][c] : 1;
    double shift = it->inputs > 1 ? it->at[1][it->out.c + c] : 0;
    double gamma = (double)it->weight[0][c] * scale;
    double y = pb_reference_activation(
        s->activation, gamma * normal(s, i) + (double)it->weight[1][c] * scale + shift, a);

    *a *= gamma;
    return y;
}

static void differentiate(const set *s, pb_pass pass)
{
    const double *v = pass == PB_JVP ? s->it->x[0] : s->it->dy;
    double *to = pass == PB_JVP ? s->it->y : s->it->dx[0];
    double count = (double)s->rows * (double)s->channels, sum = 0, dot = 0, a;

    EACH(s, i)
    {
        value(s, i, &a);
        sum += (pass == PB_JVP ? 1 : a) * v[i];
        dot += (pass == PB_JVP ? 1 : a) * v[i] * normal(s, i);
    }
    EACH(s, i)
    {
        value(s, i, &a);
        if (pass == PB_JVP)
            to[i] = a * s->r * (v[i] - sum / count - normal(s, i) * dot / count);
        else
            to[i] += s->r * (a * v[i] - sum / count - normal(s, i) * dot / count);
    }
}

static void apply(set *s, pb_pass pass, double eps)
{
    double a;

    measure(s, eps);
    if (pass != PB_FORWARD)
        differentiate(s, pass);
    else
        EACH(s, i)
    s->it->y[i] = value(s, i, &a);
}

/* -- over groups of channels, all positions ---------------------------------------------------- */

static void group_weights(const void *params, const pb_stored *list[2])
{
    list[0] = ((const pb_group_norm_params *)params)->gamma;
    list[1] = ((const pb_group_norm_params *)params)->beta;
}

static void groups(const pb_reference_item *it, pb_pass pass)
{
    const pb_group_norm_params *p = it->params;
    set s = {.it = it,
             .activation = p->activation,
             .rows = it->out.h * it->out.w,
             .channels = p->channels / p->groups};

    for (; s.first < p->channels; s.first += s.channels)
        apply(&s, pass, p->eps);
}

static pb_status group_value(const pb_reference_item *it, pb_error *error)
{
    (void)error;
    groups(it, PB_FORWARD);
    return PB_OK;
}

static void group_tangent(const pb_reference_item *it)
{
    groups(it, PB_JVP);
}

static void group_cotangent(const pb_reference_item *it)
{
    groups(it, PB_VJP);
}

static const pb_reference_op group_norm = {
    .weights = group_weights, .forward = group_value, .jvp = group_tangent, .vjp = group_cotangent};
PB_REFERENCE_KERNEL(group_norm, pb_reference_saved);

/* -- over all channels of a position ----------------------------------------------------------- */

static void layer_weights(const void *params, const pb_stored *list[2])
{
    list[0] = ((const pb_layer_norm_params *)params)->gamma;
    list[1] = ((const pb_layer_norm_params *)params)->beta;
}

static void positions(const pb_reference_item *it, pb_pass pass)
{
    const pb_layer_norm_params *p = it->params;
    set s = {.it = it, .activation = PB_ACT_NONE, .rows = 1, .channels = p->channels};

    for (; s.row < it->out.h * it->out.w; s.row++)
        apply(&s, pass, p->eps);
}

static pb_status layer_value(const pb_reference_item *it, pb_error *error)
{
    (void)error;
    positions(it, PB_FORWARD);
    return PB_OK;
}

static void layer_tangent(const pb_reference_item *it)
{
    positions(it, PB_JVP);
}

static void layer_cotangent(const pb_reference_item *it)
{
    positions(it, PB_VJP);
}

static const pb_reference_op layer_norm = {
    .weights = layer_weights, .forward = layer_value, .jvp = layer_tangent, .vjp = layer_cotangent};
PB_REFERENCE_KERNEL(layer_norm, pb_reference_saved);
