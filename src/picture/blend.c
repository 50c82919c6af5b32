#include "picture/blend.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "picture/resize.h"

/* The share of the area's shorter side over which a change fades. */
#define FEATHER 0.09

/* In pixels of the network: what is structure, about a pixel, and where colour goes with luma. */
#define STRUCTURE 2.0
#define WINDOW 1.5
#define COLOUR_WINDOW 2.5

/* Variances, in 255ths: of noise in the photo, of changes too small to be structure, of luma too
 * even to tell colours by. How much weight a change has that the photo's structure does not
 * explain; detail beyond so much is no grain. */
#define NOISE 64.0f
#define FAINT 16.0f
#define EVEN 100.0f
#define UNEXPLAINED 2.0f
#define GRAIN 4.0f

/* Of the network's pixels: how much sharper, in what width; channels this alike are grey. */
#define SHARPER 1.0f
#define SHARPER_WIDTH 0.7
#define ALIKE 0.02

static const float luma_of[3] = {0.299f, 0.587f, 0.114f}; /* Rec. 601 */

/* -- at the network's size -------------------------------------------------------------------- */

/* The value at i of a line of n; beyond its ends the line is turned about them (odd), or goes on.
 */
static float beyond(const float *line, size_t stride, size_t n, long i, int odd)
{
    long last = (long)n - 1;

    if (i >= 0 && i <= last)
        return line[(size_t)i * stride];
    if (odd && i < 0)
        return 2 * line[0] - line[(size_t)(-i < last ? -i : last) * stride];
    if (odd)
        return 2 * line[(size_t)last * stride] -
               line[(size_t)(2 * last - i > 0 ? 2 * last - i : 0) * stride];
    return line[(size_t)(i < 0 ? 0 : last) * stride];
}

static void blur_lines(size_t lines, size_t next, size_t n, size_t stride, const float *in,
                       double sigma, int odd, float *out)
{
    long reach = (long)ceil(3 * sigma);

    for (size_t l = 0; l < lines; l++)
        for (size_t i = 0; i < n; i++) {
            double sum = 0, all = 0;
            for (long j = -reach; j <= reach; j++) {
                double weight = exp(-0.5 * (double)(j * j) / (sigma * sigma));
                sum += weight * (double)beyond(in + l * next, stride, n, (long)i + j, odd);
                all += weight;
            }
            out[l * next + i * stride] = (float)(sum / all);
        }
}

/* By a Gaussian. Odd borders leave slopes as they are; the others keep what is positive positive.
 * scratch: w x h; out may be in. */
static void blur(size_t w, size_t h, const float *in, double sigma, int odd, float *scratch,
                 float *out)
{
    blur_lines(h, w, w, 1, in, sigma, odd, scratch);
    blur_lines(w, 1, h, w, scratch, sigma, odd, out);
}

/* Planes of the network's size. */
typedef struct small {
    size_t w, h, n;
    float *memory;
    float *luma, *edit; /* p and d of the plane at hand: luma, or one colour */
    float *keep;        /* k */
    float *sharp, *low, *high;
    float *slope, *offset; /* of a colour over luma */
    float *a, *b, *c, *scratch;
} small;

#define SMALL_PLANES 12

static pb_status small_new(small *s, size_t w, size_t h, pb_error *error)
{
    float **planes[SMALL_PLANES] = {&s->luma, &s->edit, &s->keep,  &s->sharp,
                                    &s->low,  &s->high, &s->slope, &s->offset,
                                    &s->a,    &s->b,    &s->c,     &s->scratch};

    *s = (small){.w = w, .h = h, .n = w * h};
    if (!(s->memory = pb_malloc(SMALL_PLANES * s->n, sizeof *s->memory)))
        return pb_fail_memory(error, SMALL_PLANES * s->n * sizeof *s->memory, "an edit");
    for (size_t i = 0; i < SMALL_PLANES; i++)
        *planes[i] = s->memory + i * s->n;
    return PB_OK;
}

/* out: the local mean of x y. */
static void products(small *s, const float *x, const float *y, double sigma, float *out)
{
    for (size_t i = 0; i < s->n; i++)
        out[i] = x[i] * y[i];
    blur(s->w, s->h, out, sigma, 0, s->scratch, out);
}

static void without_low(small *s, const float *in, float *out)
{
    blur(s->w, s->h, in, STRUCTURE, 1, s->scratch, out);
    for (size_t i = 0; i < s->n; i++)
        out[i] = in[i] - out[i];
}

/* k, of luma and its edit. */
static void weigh(small *s)
{
    float *p = s->a, *d = s->b, *vp = s->c, *vd = s->low, *cov = s->high;

    without_low(s, s->luma, p);
    without_low(s, s->edit, d);
    products(s, p, p, WINDOW, vp);
    products(s, d, d, WINDOW, vd);
    products(s, p, d, WINDOW, cov);
    for (size_t i = 0; i < s->n; i++) {
        float v = vp[i] + NOISE, a = 1 + cov[i] / v,
              r = fmaxf(vd[i] - cov[i] * cov[i] / v - FAINT, 0);
        s->keep[i] = fminf(fmaxf(a, 0), 1) * v / (v + UNEXPLAINED * r);
    }
}

/* How p + d is sharpened, and the range of each pixel and its neighbours. */
static void sharpen(small *s)
{
    float *sum = s->a;

    for (size_t i = 0; i < s->n; i++)
        sum[i] = s->luma[i] + s->edit[i];
    blur(s->w, s->h, sum, SHARPER_WIDTH, 1, s->scratch, s->sharp);
    for (size_t i = 0; i < s->n; i++)
        s->sharp[i] = SHARPER * (sum[i] - s->sharp[i]);
    for (size_t y = 0; y < s->h; y++)
        for (size_t x = 0; x < s->w; x++) {
            float low = sum[y * s->w + x], high = low;
            for (size_t v = y ? y - 1 : 0; v <= y + 1 && v < s->h; v++)
                for (size_t u = x ? x - 1 : 0; u <= x + 1 && u < s->w; u++) {
                    low = fminf(low, sum[v * s->w + u]);
                    high = fmaxf(high, sum[v * s->w + u]);
                }
            s->low[y * s->w + x] = low;
            s->high[y * s->w + x] = high;
        }
}

/* slope and offset of a colour's difference from luma, over luma, about each pixel; b and c become
 * luma's mean there and its standard deviation. rgb: p. */
static void colour_over_luma(small *s, const float *rgb)
{
    float *difference = s->a, *mean = s->b, *square = s->c, *mixed = s->slope;

    for (size_t i = 0; i < s->n; i++)
        difference[i] = rgb[i] - s->luma[i];
    products(s, s->luma, s->luma, COLOUR_WINDOW, square);
    products(s, s->luma, difference, COLOUR_WINDOW, mixed);
    blur(s->w, s->h, s->luma, COLOUR_WINDOW, 0, s->scratch, mean);
    blur(s->w, s->h, difference, COLOUR_WINDOW, 0, s->scratch, difference);
    for (size_t i = 0; i < s->n; i++) {
        float variance = fmaxf(square[i] - mean[i] * mean[i], 0);
        s->slope[i] = (mixed[i] - mean[i] * difference[i]) / (variance + EVEN);
        s->offset[i] = difference[i] - s->slope[i] * mean[i];
        square[i] = sqrtf(variance);
    }
}

/* -- at the area's size ----------------------------------------------------------------------- */

/* What is being blended: the network's planes, and those that have been enlarged. */
typedef struct blend {
    const pb_photo *photo;
    size_t w, h, n; /* of the area */
    small small;
    pb_tensor seen; /* p, (1,3,h,w) */
    float *memory;
    float *fade, *keep, *luma, *edit, *sharp, *low, *high;
} blend;

#define LARGE_PLANES 7

static pb_status large_new(blend *b, pb_error *error)
{
    float **planes[LARGE_PLANES] = {&b->fade,  &b->keep, &b->luma, &b->edit,
                                    &b->sharp, &b->low,  &b->high};

    if (!(b->memory = pb_malloc(LARGE_PLANES * b->n, sizeof *b->memory)))
        return pb_fail_memory(error, LARGE_PLANES * b->n * sizeof *b->memory, "a photo");
    for (size_t i = 0; i < LARGE_PLANES; i++)
        *planes[i] = b->memory + i * b->n;
    return PB_OK;
}

static pb_status enlarge(blend *b, const float *in, float *out, pb_error *error)
{
    return pb_resize(1, b->small.w, b->small.h, in, b->w, b->h, out, error);
}

/* Rises as a raised cosine from 0 at the border to 1 at `ramp` pixels inside. */
static double rise(double inside, double ramp)
{
    if (inside >= ramp)
        return 1;
    return 0.5 - 0.5 * cos(M_PI * fmax(inside, 0) / ramp);
}

static void fill_fade(blend *b)
{
    double ramp = fmax(1, FEATHER * (double)(b->w < b->h ? b->w : b->h));

    for (size_t y = 0; y < b->h; y++)
        for (size_t x = 0; x < b->w; x++)
            b->fade[y * b->w + x] =
                (float)(rise(fmin((double)x, (double)(b->w - 1 - x)) + 0.5, ramp) *
                        rise(fmin((double)y, (double)(b->h - 1 - y)) + 0.5, ramp));
}

/* A colour of the photo at number i of the area, in 255ths; c = 3: luma. */
static float photo_at(const blend *b, size_t i, size_t c)
{
    float rgb[3];

    for (size_t k = 0; k < 3; k++)
        rgb[k] = 127.5f + 127.5f * pb_photo_colour(b->photo, i % b->w, i / b->w, k);
    return c < 3 ? rgb[c] : luma_of[0] * rgb[0] + luma_of[1] * rgb[1] + luma_of[2] * rgb[2];
}

/* The change of a plane, whose p and d are small.luma and small.edit. */
static pb_status blend_plane(blend *b, size_t c, float *change, pb_error *error)
{
    small *s = &b->small;

    sharpen(s);
    PB_TRY(enlarge(b, s->luma, b->luma, error));
    PB_TRY(enlarge(b, s->edit, b->edit, error));
    PB_TRY(enlarge(b, s->sharp, b->sharp, error));
    PB_TRY(enlarge(b, s->low, b->low, error));
    PB_TRY(enlarge(b, s->high, b->high, error));
    for (size_t i = 0; i < b->n; i++) {
        float gone = 1 - fminf(fmaxf(b->keep[i], 0), 1), sum = b->luma[i] + b->edit[i];
        float detail = photo_at(b, i, c) - b->luma[i];
        float grain = detail / (1 + fabsf(detail) / GRAIN);
        float sharper =
            fmaxf(fminf(sum + b->sharp[i], fmaxf(b->high[i], sum)), fminf(b->low[i], sum));
        change[i] = b->fade[i] * (b->edit[i] + gone * (sharper - sum - detail + grain));
    }
    return PB_OK;
}

/* The colour that goes with a luma: not beyond what there is about there, and in the dark less. */
static float likely(float luma, float slope, float offset, float mean, float deviation)
{
    float darkest = fmaxf(mean - deviation, 1);
    float within = fminf(fmaxf(luma, darkest), mean + deviation);

    return (slope * within + offset) * fminf(luma / darkest, 1);
}

/* Where structure moves, colour follows the new luma. change: that of luma, in all three. */
static pb_status colour(blend *b, float *change, pb_error *error)
{
    float *slope = b->sharp, *offset = b->low, *mean = b->luma, *deviation = b->edit;

    for (size_t c = 0; c < 3; c++) {
        float *own = change + c * b->n;

        colour_over_luma(&b->small, b->seen.data + c * b->small.n);
        PB_TRY(enlarge(b, b->small.slope, slope, error));
        PB_TRY(enlarge(b, b->small.offset, offset, error));
        PB_TRY(enlarge(b, b->small.b, mean, error));
        PB_TRY(enlarge(b, b->small.c, deviation, error));
        for (size_t i = 0; i < b->n; i++) {
            float gone = 1 - fminf(fmaxf(b->keep[i], 0), 1), old = photo_at(b, i, 3);
            float now = fminf(fmaxf(old + own[i], 0), 255);
            float is = photo_at(b, i, c) - old;
            own[i] += b->fade[i] * gone *
                      (likely(now, slope[i], offset[i], mean[i], fmaxf(deviation[i], 0)) - is);
        }
    }
    return PB_OK;
}

/* -- all of it -------------------------------------------------------------------------------- */

/* Has the image one channel, or three that are alike? */
static int is_grey(const float *image, size_t channels, size_t n)
{
    double sum = 0;

    if (channels == 1)
        return 1;
    for (size_t i = 0; i < n; i++) {
        double r = (double)image[i], g = (double)image[n + i], b = (double)image[2 * n + i];
        double mean = (r + g + b) / 3;
        sum += (r - mean) * (r - mean) + (g - mean) * (g - mean) + (b - mean) * (b - mean);
    }
    return sqrt(sum / (3 * (double)n)) < ALIKE;
}

/* Luma of p and of d; of one channel d is luma itself. */
static void fill_luma(blend *b, const float *before, const float *after, size_t channels)
{
    small *s = &b->small;

    for (size_t i = 0; i < s->n; i++) {
        float p = 0, d = 0;
        for (size_t c = 0; c < 3; c++) {
            size_t at = (channels == 1 ? 0 : c) * s->n + i;
            p += luma_of[c] * b->seen.data[c * s->n + i];
            d += luma_of[c] * (after[at] - before[at]);
        }
        s->luma[i] = p;
        s->edit[i] = 127.5f * d;
    }
}

static pb_status run(blend *b, const float *before, const float *after, size_t channels,
                     float *change, pb_error *error)
{
    small *s = &b->small;

    for (size_t i = 0; i < 3 * s->n; i++)
        b->seen.data[i] = 127.5f + 127.5f * b->seen.data[i];
    fill_fade(b);
    fill_luma(b, before, after, channels);
    weigh(s);
    PB_TRY(enlarge(b, s->keep, b->keep, error));
    if (is_grey(before, channels, s->n) && is_grey(after, channels, s->n)) {
        PB_TRY(blend_plane(b, 3, change, error));
        memcpy(change + b->n, change, b->n * sizeof *change);
        memcpy(change + 2 * b->n, change, b->n * sizeof *change);
        return colour(b, change, error);
    }
    for (size_t c = 0; c < 3; c++) {
        memcpy(s->luma, b->seen.data + c * s->n, s->n * sizeof *s->luma);
        for (size_t i = 0; i < s->n; i++)
            s->edit[i] = 127.5f * (after[c * s->n + i] - before[c * s->n + i]);
        PB_TRY(blend_plane(b, c, change + c * b->n, error));
    }
    return PB_OK;
}

pb_status pb_blend(const pb_photo *photo, const float *before, const float *after, size_t channels,
                   size_t width, size_t height, pb_tensor *change, pb_error *error)
{
    const size_t shape[3] = {3, photo->area.height, photo->area.width};
    blend b = {.photo = photo, .w = shape[2], .h = shape[1], .n = shape[1] * shape[2]};
    pb_status status;

    if (channels != 1 && channels != 3)
        return pb_fail(error, PB_UNSUPPORTED, "pasting %zu channels: expected 1 or 3", channels);
    status = small_new(&b.small, width, height, error);
    if (status == PB_OK)
        status = pb_photo_tensor(photo, 3, width, height, &b.seen, error);
    if (status == PB_OK)
        status = large_new(&b, error);
    if (status == PB_OK)
        status = pb_tensor_new(change, 3, shape, error);
    if (status == PB_OK)
        status = run(&b, before, after, channels, change->data, error);
    if (status != PB_OK)
        pb_tensor_clear(change);
    pb_tensor_clear(&b.seen);
    pb_free(b.memory);
    pb_free(b.small.memory);
    return status;
}
