/* Group normalisation (Wu & He 2018), with the activation that follows it.
 *
 * For one item and one group of channels, over its M = h w C/G entries: mean m, variance s^2,
 * x^ = (x - m)/sqrt(s^2 + eps). With a modulation, gamma' = gamma (1 + scale) and
 * beta' = beta (1 + scale) + shift; without, gamma' = gamma and beta' = beta. z = gamma' x^ +
 * beta'.
 *
 *     forward   y  = act(z)            saved: x^ and A = act'(z) gamma' / sqrt(s^2 + eps)
 *     jvp       dy = A (dx - mean(dx) - x^ mean(x^ dx))
 *     vjp       dx = g - mean(g) - x^ mean(x^ g),   g = A dy
 *
 * The means are over the group. Channels are worked on in strips of whole groups, so that the
 * innermost loop runs over neighbouring floats.
 */
#include "ops/ops.h"

#include <math.h>

#include "base/memory.h"
#include "base/vector.h"

/* Channels in a strip, unless one group alone has more. */
#define STRIP ((size_t)64)

typedef struct group_norm {
    size_t channels, groups;
    double eps;
    pb_activation activation;
    float *gamma, *beta;
} group_norm;

/* A strip: `width` channels from `first` on, of which each `group` neighbours form a group. */
typedef struct strip {
    size_t first, width, group;
} strip;

static size_t strip_count(const group_norm *p)
{
    size_t group = p->channels / p->groups;
    size_t groups = group < STRIP ? STRIP / group : 1;

    return (p->groups + groups - 1) / groups;
}

static strip get_strip(const group_norm *p, size_t i)
{
    size_t group = p->channels / p->groups;
    size_t width = group < STRIP ? STRIP / group * group : group;
    size_t first = i * width;

    return (strip){first, p->channels - first < width ? p->channels - first : width, group};
}

/* -- sums over positions of `width` <= STRIP neighbouring channels --------------------------- */

PB_VECTOR static void add_rows(size_t rows, size_t stride, size_t width, const float *restrict x,
                               double *restrict sum)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i++)
            sum[i] += (double)x[r * stride + i];
}

PB_VECTOR static void add_squares(size_t rows, size_t stride, size_t width, const float *restrict x,
                                  const double *restrict mean, double *restrict sum)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i++) {
            double d = (double)x[r * stride + i] - mean[i];
            sum[i] += d * d;
        }
}

/* sum += x and dot += x x^ */
PB_VECTOR static void add_dots(size_t rows, size_t stride, size_t width, const float *restrict x,
                               const float *restrict normal, double *restrict sum,
                               double *restrict dot)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i++) {
            double v = (double)x[r * stride + i];
            sum[i] += v;
            dot[i] += v * (double)normal[r * stride + i];
        }
}

/* sum += a x and dot += a x x^ */
PB_VECTOR static void add_weighted_dots(size_t rows, size_t stride, size_t width,
                                        const float *restrict x, const float *restrict a,
                                        const float *restrict normal, double *restrict sum,
                                        double *restrict dot)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i++) {
            double v = (double)(a[r * stride + i] * x[r * stride + i]);
            sum[i] += v;
            dot[i] += v * (double)normal[r * stride + i];
        }
}

/* Replaces each channel's sum by its group's mean; `group` neighbours of `width` share one. */
static void fold(size_t width, size_t group, double scale, double *sum)
{
    for (size_t g = 0; g < width; g += group) {
        double total = 0;
        for (size_t i = g; i < g + group; i++)
            total += sum[i];
        for (size_t i = g; i < g + group; i++)
            sum[i] = total * scale;
    }
}

/* -- forward --------------------------------------------------------------------------------- */

typedef struct normaliser {
    double mean[STRIP], scale[STRIP]; /* per channel: of its group */
    float gamma[STRIP], beta[STRIP];  /* gamma', beta' */
} normaliser;

PB_VECTOR static void normalise_row(size_t width, const float *restrict x,
                                    const normaliser *restrict k, float *restrict normal,
                                    float *restrict y)
{
    for (size_t i = 0; i < width; i++) {
        normal[i] = (float)(((double)x[i] - k->mean[i]) * k->scale[i]);
        y[i] = k->gamma[i] * normal[i] + k->beta[i];
    }
}

PB_VECTOR static void scale_slopes(size_t width, const normaliser *restrict k,
                                   float *restrict slope)
{
    for (size_t i = 0; i < width; i++)
        slope[i] *= k->gamma[i] * (float)k->scale[i];
}

/* The normaliser of `width` <= STRIP channels from `first`, given its group means and scales. */
static void modulate(const group_norm *p, const float *modulation, size_t first, size_t width,
                     normaliser *k)
{
    for (size_t i = 0; i < width; i++) {
        float scale = modulation ? 1.0f + modulation[first + i] : 1.0f;
        float shift = modulation ? modulation[p->channels + first + i] : 0.0f;
        k->gamma[i] = p->gamma[first + i] * scale;
        k->beta[i] = p->beta[first + i] * scale + shift;
    }
}

static size_t piece(const strip *s, size_t from)
{
    return s->width - from < STRIP ? s->width - from : STRIP;
}

/* Sums over the whole strip, folded into groups' means: of x, or with mean of (x - mean)^2. A
 * group wider than STRIP is summed piece by piece. */
static void strip_means(const strip *s, size_t rows, size_t stride, const float *x,
                        const double *mean, double *sum)
{
    double scale = 1.0 / ((double)rows * (double)s->group), total = 0;

    for (size_t from = 0; from < s->width; from += STRIP) {
        size_t width = piece(s, from);
        for (size_t i = 0; i < STRIP; i++)
            sum[i] = 0;
        if (mean)
            add_squares(rows, stride, width, x + from, mean, sum);
        else
            add_rows(rows, stride, width, x + from, sum);
        if (s->group > STRIP)
            for (size_t i = 0; i < width; i++)
                total += sum[i];
    }
    if (s->group > STRIP)
        for (size_t i = 0; i < STRIP; i++)
            sum[i] = total * scale;
    else
        fold(s->width, s->group, scale, sum);
}

static void forward_strip(const pb_call *call, size_t item, strip s)
{
    const group_norm *p = call->params;
    size_t c = p->channels, rows = call->out.h * call->out.w;
    const float *x = call->x[0] + item * rows * c + s.first;
    float *y = call->y + item * rows * c + s.first;
    float *normal = call->saved ? call->saved + s.first : NULL;
    float *slope = call->saved ? call->saved + rows * c + s.first : NULL;
    const float *modulation = NULL;
    float scratch[STRIP];
    normaliser k;

    if (call->inputs > 1)
        modulation = call->x[1] + (call->shared[1] ? 0 : item * 2 * c);
    strip_means(&s, rows, c, x, NULL, k.mean);
    strip_means(&s, rows, c, x, k.mean, k.scale);
    for (size_t i = 0; i < STRIP; i++)
        k.scale[i] = 1.0 / sqrt(k.scale[i] + p->eps);
    for (size_t from = 0; from < s.width; from += STRIP) {
        size_t width = piece(&s, from);
        modulate(p, modulation, s.first + from, width, &k);
        for (size_t r = 0; r < rows; r++) {
            size_t at = r * c + from;
            normalise_row(width, x + at, &k, normal ? normal + at : scratch, y + at);
            pb_activation_apply(p->activation, width, y + at, slope ? slope + at : NULL);
            if (slope)
                scale_slopes(width, &k, slope + at);
        }
    }
}

static pb_status forward(const pb_call *call, pb_error *error)
{
    const group_norm *p = call->params;
    size_t strips = strip_count(p);

    (void)error;
#pragma omp parallel for collapse(2)
    for (size_t item = 0; item < call->n; item++)
        for (size_t i = 0; i < strips; i++)
            forward_strip(call, item, get_strip(p, i));
    return PB_OK;
}

/* -- jvp and vjp ----------------------------------------------------------------------------- */

/* Means over the groups of d and of x^ d, with a of a d and x^ a d. */
static void linear_means(const strip *s, size_t rows, size_t stride, const float *d, const float *a,
                         const float *normal, double *sum, double *dot)
{
    double scale = 1.0 / ((double)rows * (double)s->group), totals[2] = {0, 0};

    for (size_t from = 0; from < s->width; from += STRIP) {
        size_t width = piece(s, from);
        for (size_t i = 0; i < STRIP; i++)
            sum[i] = dot[i] = 0;
        if (a)
            add_weighted_dots(rows, stride, width, d + from, a + from, normal + from, sum, dot);
        else
            add_dots(rows, stride, width, d + from, normal + from, sum, dot);
        if (s->group > STRIP)
            for (size_t i = 0; i < width; i++) {
                totals[0] += sum[i];
                totals[1] += dot[i];
            }
    }
    if (s->group > STRIP)
        for (size_t i = 0; i < STRIP; i++) {
            sum[i] = totals[0] * scale;
            dot[i] = totals[1] * scale;
        }
    else {
        fold(s->width, s->group, scale, sum);
        fold(s->width, s->group, scale, dot);
    }
}

PB_VECTOR static void jvp_row(size_t width, const float *restrict dx, const float *restrict a,
                              const float *restrict normal, const float *restrict mean,
                              const float *restrict dot, float *restrict dy)
{
    for (size_t i = 0; i < width; i++)
        dy[i] = a[i] * (dx[i] - mean[i] - normal[i] * dot[i]);
}

PB_VECTOR static void vjp_row(size_t width, const float *restrict dy, const float *restrict a,
                              const float *restrict normal, const float *restrict mean,
                              const float *restrict dot, float *restrict dx)
{
    for (size_t i = 0; i < width; i++)
        dx[i] = a[i] * dy[i] - mean[i] - normal[i] * dot[i];
}

PB_VECTOR static void vjp_row_add(size_t width, const float *restrict dy, const float *restrict a,
                                  const float *restrict normal, const float *restrict mean,
                                  const float *restrict dot, float *restrict dx)
{
    for (size_t i = 0; i < width; i++)
        dx[i] += a[i] * dy[i] - mean[i] - normal[i] * dot[i];
}

static void linear_strip(const pb_call *call, pb_pass pass, size_t item, strip s)
{
    const group_norm *p = call->params;
    size_t c = p->channels, rows = call->out.h * call->out.w;
    size_t at_item = item * rows * c + s.first;
    const float *in = (pass == PB_JVP ? call->x[0] : call->dy) + at_item;
    float *out = (pass == PB_JVP ? call->y : call->dx[0]) + at_item;
    const float *normal = call->saved + s.first, *a = call->saved + rows * c + s.first;
    double sum[STRIP], product[STRIP];
    float mean[STRIP], dot[STRIP];

    linear_means(&s, rows, c, in, pass == PB_VJP ? a : NULL, normal, sum, product);
    for (size_t i = 0; i < STRIP; i++) {
        mean[i] = (float)sum[i];
        dot[i] = (float)product[i];
    }
    for (size_t from = 0; from < s.width; from += STRIP) {
        size_t width = piece(&s, from);
        for (size_t r = 0; r < rows; r++) {
            size_t at = r * c + from;
            if (pass == PB_JVP)
                jvp_row(width, in + at, a + at, normal + at, mean, dot, out + at);
            else if (call->add[0])
                vjp_row_add(width, in + at, a + at, normal + at, mean, dot, out + at);
            else
                vjp_row(width, in + at, a + at, normal + at, mean, dot, out + at);
        }
    }
}

static void linear(const pb_call *call, pb_pass pass)
{
    const group_norm *p = call->params;
    size_t strips = strip_count(p);

#pragma omp parallel for collapse(2)
    for (size_t item = 0; item < call->n; item++)
        for (size_t i = 0; i < strips; i++)
            linear_strip(call, pass, item, get_strip(p, i));
}

static pb_status jvp(const pb_call *call, pb_error *error)
{
    (void)error;
    linear(call, PB_JVP);
    return PB_OK;
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    (void)error;
    linear(call, PB_VJP);
    return PB_OK;
}

/* -- the operation ----------------------------------------------------------------------------- */

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    const group_norm *p = params;

    if (in[0].c != p->channels)
        return pb_fail(error, PB_INVALID, "a group norm of %zu channels got %zu", p->channels,
                       in[0].c);
    if (inputs > 1 && pb_shape_size(in[1]) != 2 * p->channels)
        return pb_fail(error, PB_INVALID, "a modulation of %zu channels has %zu numbers",
                       p->channels, pb_shape_size(in[1]));
    *out = in[0];
    return PB_OK;
}

static size_t saved(const pb_call *call)
{
    return 2 * pb_shape_size(call->out);
}

static void free_params(void *params)
{
    group_norm *p = params;

    pb_free(p->gamma);
    pb_free(p->beta);
    pb_free(p);
}

const pb_op pb_group_norm = {
    .name = "group_norm",
    .shape = shape,
    .saved = saved,
    .forward = forward,
    .jvp = jvp,
    .vjp = vjp,
    .free = free_params,
};

pb_status pb_group_norm_new(void **params, size_t channels, size_t groups, double eps,
                            pb_activation activation, const pb_stored *gamma, const pb_stored *beta,
                            pb_error *error)
{
    group_norm *p = pb_calloc(1, sizeof *p);

    if (!p)
        return pb_fail_memory(error, sizeof *p, "a group norm");
    *p = (group_norm){channels, groups, eps, activation, NULL, NULL};
    p->gamma = pb_malloc(channels, sizeof *p->gamma);
    p->beta = pb_malloc(channels, sizeof *p->beta);
    if (!p->gamma || !p->beta) {
        free_params(p);
        return pb_fail_memory(error, channels * sizeof *p->gamma, gamma->name);
    }
    pb_stored_read(gamma, p->gamma);
    pb_stored_read(beta, p->beta);
    *params = p;
    return PB_OK;
}
