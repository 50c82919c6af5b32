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
#include "backends/cpu/kernels.h"
#include "backends/cpu/norm.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector.h"

/* Channels in a strip, unless one group alone has more. */
#define STRIP ((size_t)64)

/* A strip: `width` channels from `first` on, of which each `group` neighbours form a group. */
typedef struct strip {
    size_t first, width, group;
} strip;

static size_t strip_count(const pb_group_norm_params *p)
{
    size_t group = p->channels / p->groups;
    size_t groups = group < STRIP ? STRIP / group : 1;

    return (p->groups + groups - 1) / groups;
}

static strip get_strip(const pb_group_norm_params *p, size_t i)
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

PB_VECTOR static void normalise_row(size_t width, const float *x, const normaliser *restrict k,
                                    float *restrict normal, float *y)
{
#pragma omp simd
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
static void modulate(const pb_call *call, const float *modulation, size_t first, size_t width,
                     normaliser *k)
{
    const pb_cpu_norm *norm = call->kernel;
    size_t c = call->out.c;

    for (size_t i = 0; i < width; i++) {
        float scale = modulation ? 1.0f + modulation[first + i] : 1.0f;
        float shift = modulation ? modulation[c + first + i] : 0.0f;
        k->gamma[i] = norm->gamma[first + i] * scale;
        k->beta[i] = norm->beta[first + i] * scale + shift;
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
    const pb_group_norm_params *p = call->params;
    size_t c = p->channels, rows = call->out.h * call->out.w;
    const float *x = (const float *)call->x[0] + item * rows * c + s.first;
    float *y = (float *)call->y + item * rows * c + s.first;
    float *normal = call->saved ? (float *)call->saved + s.first : NULL;
    float *slope = normal ? normal + rows * c : NULL;
    const float *modulation = NULL;
    float scratch[STRIP];
    normaliser k;

    if (call->inputs > 1)
        modulation = (const float *)call->x[1] + (call->shared[1] ? 0 : item * 2 * c);
    strip_means(&s, rows, c, x, NULL, k.mean);
    strip_means(&s, rows, c, x, k.mean, k.scale);
    for (size_t i = 0; i < STRIP; i++)
        k.scale[i] = 1.0 / sqrt(k.scale[i] + p->eps);
    for (size_t from = 0; from < s.width; from += STRIP) {
        size_t width = piece(&s, from);
        modulate(call, modulation, s.first + from, width, &k);
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
    const pb_group_norm_params *p = call->params;
    size_t strips = strip_count(p);

    (void)error;
#pragma omp parallel for collapse(2)
    for (size_t item = 0; item < call->n; item++)
        for (size_t i = 0; i < strips; i++)
            forward_strip(call, item, get_strip(p, i));
    return PB_OK;
}

/* -- jvp and vjp -------------------------------------------------------------------------------
 *
 * x^ and A are the same for all items: a chunk of positions and a strip of channels of them stays
 * in the cache while every item passes. The sums of each chunk are kept, then added in one order,
 * whatever the number of threads.
 */

/* Positions whose sums are added in float32. */
#define FEW ((size_t)64)

/* Chunks of an item, at most. */
#define MOST_CHUNKS ((size_t)64)

/* The positions of a call, in chunks. */
typedef struct chunking {
    size_t rows, chunk, count; /* positions; of a chunk; chunks */
} chunking;

static chunking get_chunking(const pb_call *call)
{
    chunking k = {.rows = call->out.h * call->out.w};

    k.chunk = (k.rows + MOST_CHUNKS - 1) / MOST_CHUNKS;
    k.chunk = k.chunk < FEW ? FEW : k.chunk;
    k.count = (k.rows + k.chunk - 1) / k.chunk;
    return k;
}

/* sum += d and dot += d x^ over the positions */
PB_VECTOR static void add_dots(size_t rows, size_t stride, size_t width, const float *restrict d,
                               const float *restrict normal, float *restrict sum,
                               float *restrict dot)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i++) {
            sum[i] += d[r * stride + i];
            dot[i] += d[r * stride + i] * normal[r * stride + i];
        }
}

/* The same of a d */
PB_VECTOR static void add_weighted_dots(size_t rows, size_t stride, size_t width,
                                        const float *restrict d, const float *restrict a,
                                        const float *restrict normal, float *restrict sum,
                                        float *restrict dot)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i++) {
            float v = a[r * stride + i] * d[r * stride + i];
            sum[i] += v;
            dot[i] += v * normal[r * stride + i];
        }
}

/* Sums of one chunk over `width` <= STRIP channels. */
static void sum_chunk(size_t rows, size_t stride, size_t width, const float *d, const float *a,
                      const float *normal, double *sum, double *dot)
{
    memset(sum, 0, width * sizeof *sum);
    memset(dot, 0, width * sizeof *dot);
    for (size_t r = 0; r < rows; r += FEW) {
        size_t at = r * stride, some = rows - r < FEW ? rows - r : FEW;
        float sums[STRIP] = {0}, dots[STRIP] = {0};
        if (a)
            add_weighted_dots(some, stride, width, d + at, a + at, normal + at, sums, dots);
        else
            add_dots(some, stride, width, d + at, normal + at, sums, dots);
        for (size_t i = 0; i < width; i++) {
            sum[i] += (double)sums[i];
            dot[i] += (double)dots[i];
        }
    }
}

PB_VECTOR static void jvp_rows(size_t rows, size_t stride, size_t width, const float *dx,
                               const float *restrict a, const float *restrict normal,
                               const float *restrict mean, const float *restrict dot, float *dy)
{
    for (size_t r = 0; r < rows; r++)
#pragma omp simd
        for (size_t i = 0; i < width; i++) {
            size_t at = r * stride + i;
            dy[at] = a[at] * (dx[at] - mean[i] - normal[at] * dot[i]);
        }
}

PB_VECTOR static void vjp_rows(size_t rows, size_t stride, size_t width, const float *dy,
                               const float *restrict a, const float *restrict normal,
                               const float *restrict mean, const float *restrict dot, float *dx)
{
    for (size_t r = 0; r < rows; r++)
#pragma omp simd
        for (size_t i = 0; i < width; i++) {
            size_t at = r * stride + i;
            dx[at] = a[at] * dy[at] - mean[i] - normal[at] * dot[i];
        }
}

PB_VECTOR static void vjp_rows_add(size_t rows, size_t stride, size_t width,
                                   const float *restrict dy, const float *restrict a,
                                   const float *restrict normal, const float *restrict mean,
                                   const float *restrict dot, float *restrict dx)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i++) {
            size_t at = r * stride + i;
            dx[at] += a[at] * dy[at] - mean[i] - normal[at] * dot[i];
        }
}

/* The means of the groups of one item, from its chunks' sums: c means and c dots. */
static void find_means(const pb_group_norm_params *p, const chunking *k, const double *sums,
                       float *means)
{
    size_t c = p->channels, group = c / p->groups;
    double scale = 1.0 / ((double)k->rows * (double)group);

    for (size_t first = 0; first < 2 * c; first += group) {
        double total = 0;
        for (size_t j = 0; j < k->count; j++)
            for (size_t i = first; i < first + group; i++)
                total += sums[j * 2 * c + i];
        for (size_t i = first; i < first + group; i++)
            means[i] = (float)(total * scale);
    }
}

/* What a jvp or vjp works in: of each item and chunk the sums (c, and c dots), then its means. */
static size_t linear_work(const pb_call *call, pb_pass pass)
{
    size_t c = call->out.c;

    if (pass == PB_FORWARD)
        return 0;
    return call->n * 2 * c * (get_chunking(call).count * sizeof(double) + sizeof(float));
}

static void linear(const pb_call *call, pb_pass pass)
{
    const pb_group_norm_params *p = call->params;
    const chunking k = get_chunking(call);
    size_t c = p->channels, size = k.rows * c;
    const float *in = pass == PB_JVP ? call->x[0] : call->dy;
    float *out = pass == PB_JVP ? call->y : call->dx[0];
    const float *normal = call->saved, *a = normal + size;
    double *sums = call->work;
    float *means = (float *)(sums + call->n * k.count * 2 * c);

#pragma omp parallel num_threads(call->threads)
    {
#pragma omp for collapse(2)
        for (size_t j = 0; j < k.count; j++)
            for (size_t first = 0; first < c; first += STRIP) {
                size_t at = j * k.chunk * c + first, width = c - first < STRIP ? c - first : STRIP;
                size_t rows = k.rows - j * k.chunk < k.chunk ? k.rows - j * k.chunk : k.chunk;
                for (size_t item = 0; item < call->n; item++) {
                    double *sum = sums + (item * k.count + j) * 2 * c + first;
                    sum_chunk(rows, c, width, in + item * size + at, pass == PB_VJP ? a + at : NULL,
                              normal + at, sum, sum + c);
                }
            }
#pragma omp for
        for (size_t item = 0; item < call->n; item++)
            find_means(p, &k, sums + item * k.count * 2 * c, means + item * 2 * c);
#pragma omp for collapse(2)
        for (size_t j = 0; j < k.count; j++)
            for (size_t first = 0; first < c; first += STRIP) {
                size_t at = j * k.chunk * c + first, width = c - first < STRIP ? c - first : STRIP;
                size_t rows = k.rows - j * k.chunk < k.chunk ? k.rows - j * k.chunk : k.chunk;
                for (size_t item = 0; item < call->n; item++)
                    (pass == PB_JVP ? jvp_rows
                     : call->add[0] ? vjp_rows_add
                                    : vjp_rows)(rows, c, width, in + item * size + at, a + at,
                                                normal + at, means + item * 2 * c + first,
                                                means + item * 2 * c + c + first,
                                                out + item * size + at);
            }
    }
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

/* The linear passes read all they need from the saved state. */
static pb_status prepare(pb_call *call, pb_pass pass, pb_error *error)
{
    const pb_group_norm_params *p = call->params;

    return pass == PB_FORWARD ? pb_cpu_norm_prepare(call, p->gamma, p->beta, error) : PB_OK;
}

static size_t saved(const pb_call *call)
{
    return 2 * pb_shape_size(call->out);
}

const pb_kernel pb_cpu_group_norm = {
    .in_place = true,
    .saved = saved,
    .work = linear_work,
    .prepare = prepare,
    .release = pb_free,
    .forward = forward,
    .jvp = jvp,
    .vjp = vjp,
};
