/* A tile of 4 x 4 outputs y comes from 6 x 6 inputs d by
 *
 *     y = A^T [(G g G^T) o (B^T d B)] A
 *
 * summed over input channels; g the 3 x 3 kernel, o the entrywise product. For each of the 36
 * entries the sum over channels is a matrix product over tiles. The interpolation points 0, 1, -1,
 * 1/2, -2 (and infinity) keep rounding near 1e-6. The transpose runs the same steps backwards:
 *
 *     dd = B [(A dy A^T) o (G g G^T)] B^T
 *
 * where the 6 x 6 patches of neighbouring tiles overlap and are added. Its products are with the
 * transposes of the same weights, turned round one panel at a time. */
#include "backends/cpu/winograd.h"

#include <omp.h>
#include <stdint.h>
#include <string.h>

#include "backends/cpu/panel.h"
#include "base/memory.h"
#include "base/vector.h"

#define N_IN 6  /* a side of a tile of inputs */
#define N_OUT 4 /* of outputs */
#define POINTS (N_IN * N_IN)

/* Tiles go through the three stages together, as many as make their transforms this large: enough
 * for each transformed weight, read once for them all, to be worth its way from memory, and few
 * enough to stay near the processor. */
#define TOGETHER ((size_t)16 << 20)

/* Floats by which neighbours among the 36 transforms are out of step with pages. */
#define STAGGER ((size_t)144)

/* G */
static const double kernel_transform[N_IN][3] = {
    {1, 0, 0},
    {1.0 / 3, 1.0 / 3, 1.0 / 3},
    {-1.0 / 3, 1.0 / 3, -1.0 / 3},
    {-16.0 / 15, -8.0 / 15, -4.0 / 15},
    {1.0 / 15, -2.0 / 15, 4.0 / 15},
    {0, 0, 1},
};

bool pb_winograd_computes(const pb_convolution_shape *s)
{
    return s->kernel == 3 && s->stride == 1 && s->top == 1 && s->left == 1 && s->bottom == 1 &&
           s->right == 1;
}

bool pb_winograd_suits(const pb_convolution_shape *s, pb_direction direction)
{
    size_t least = direction == PB_CONVOLVE ? 64 : 256;

    return s->in_c >= 32 && s->out_c >= 32 && s->in_h >= 4 && s->in_w >= 4 &&
           s->n * s->in_h * s->in_w >= least;
}

size_t pb_winograd_weight_floats(size_t out_c, size_t in_c)
{
    return POINTS * pb_panels(out_c) * PB_PANEL * in_c;
}

/* U for 32 outputs and one input at once: k holds the kernels (9 x 32), u gets G g G^T (36 x 32).
 */
PB_VECTOR static void transform_kernels(const double *restrict k, float *restrict u)
{
    double half[N_IN][3][PB_PANEL]; /* G g */

    for (size_t a = 0; a < N_IN; a++)
        for (size_t q = 0; q < 3; q++)
            for (size_t o = 0; o < PB_PANEL; o++)
                half[a][q][o] = kernel_transform[a][0] * k[q * PB_PANEL + o] +
                                kernel_transform[a][1] * k[(3 + q) * PB_PANEL + o] +
                                kernel_transform[a][2] * k[(6 + q) * PB_PANEL + o];
    for (size_t a = 0; a < N_IN; a++)
        for (size_t b = 0; b < N_IN; b++)
            for (size_t o = 0; o < PB_PANEL; o++)
                u[(a * N_IN + b) * PB_PANEL + o] = (float)(kernel_transform[b][0] * half[a][0][o] +
                                                           kernel_transform[b][1] * half[a][1][o] +
                                                           kernel_transform[b][2] * half[a][2][o]);
}

/* A panel of `count` outputs, whose kernels begin at g, in each of the 36 matrices, step apart. */
static void make_panel(const float *g, size_t in_c, size_t count, float *u, size_t step)
{
    double k[9 * PB_PANEL] = {0};
    float transformed[POINTS * PB_PANEL];

    for (size_t i = 0; i < in_c; i++) {
        for (size_t o = 0; o < count; o++)
            for (size_t p = 0; p < 9; p++)
                k[p * PB_PANEL + o] = (double)g[(o * in_c + i) * 9 + p];
        transform_kernels(k, transformed);
        for (size_t p = 0; p < POINTS; p++)
            memcpy(u + p * step + i * PB_PANEL, transformed + p * PB_PANEL, PB_PANEL * sizeof *u);
    }
}

pb_status pb_winograd_weights(float **out, const pb_stored *weight, size_t out_c, size_t in_c,
                              pb_error *error)
{
    size_t count = pb_winograd_weight_floats(out_c, in_c);
    float *g, *u;

    PB_TRY(pb_stored_load(&g, weight, error));
    u = pb_malloc(count, sizeof *u);
    if (!u) {
        pb_free(g);
        return pb_fail_memory(error, count * sizeof *u, weight->name);
    }
#pragma omp parallel for
    for (size_t j = 0; j < pb_panels(out_c); j++)
        make_panel(g + j * PB_PANEL * in_c * 9, in_c, pb_panel_width(out_c, j),
                   u + j * PB_PANEL * in_c, count / POINTS);
    pb_free(g);
    *out = u;
    return PB_OK;
}

/* -- transforms of one side, for c channels at once ----------------------------------------------
 *
 * in: a row of c floats for each entry; out: likewise. ADD: added to what is there.
 */

#define ROWS_4(X) const float *X##0 = X[0], *X##1 = X[1], *X##2 = X[2], *X##3 = X[3]
#define ROWS_6(X) ROWS_4(X), *X##4 = X[4], *X##5 = X[5]

/* Entry z of each row, read once: a sanitizer looks at every reading. */
#define EACH_4(X) const float r0 = X##0 [z], r1 = X##1 [z], r2 = X##2 [z], r3 = X##3 [z]
#define EACH_6(X) EACH_4(X), r4 = X##4 [z], r5 = X##5 [z]

/* B^T */
PB_VECTOR static void input_side(size_t c, const float *const *v, float *const *out)
{
    ROWS_6(v);
    float *o0 = out[0], *o1 = out[1], *o2 = out[2], *o3 = out[3], *o4 = out[4], *o5 = out[5];

#pragma omp simd
    for (size_t z = 0; z < c; z++) {
        EACH_6(v);
        o0[z] = r0 - 1.5f * r1 - 2.0f * r2 + 1.5f * r3 + r4;
        o1[z] = -r1 + 0.5f * r2 + 2.5f * r3 + r4;
        o2[z] = r1 - 2.5f * r2 + 0.5f * r3 + r4;
        o3[z] = -2.0f * r1 - r2 + 2.0f * r3 + r4;
        o4[z] = 0.5f * r1 - r2 - 0.5f * r3 + r4;
        o5[z] = r1 - 1.5f * r2 - 2.0f * r3 + 1.5f * r4 + r5;
    }
}

/* B */
PB_VECTOR static void input_side_transpose(size_t c, const float *const *o, float *const *v)
{
    ROWS_6(o);
    float *v0 = v[0], *v1 = v[1], *v2 = v[2], *v3 = v[3], *v4 = v[4], *v5 = v[5];

#pragma omp simd
    for (size_t z = 0; z < c; z++) {
        EACH_6(o);
        v0[z] = r0;
        v1[z] = -1.5f * r0 - r1 + r2 - 2.0f * r3 + 0.5f * r4 + r5;
        v2[z] = -2.0f * r0 + 0.5f * r1 - 2.5f * r2 - r3 - r4 - 1.5f * r5;
        v3[z] = 1.5f * r0 + 2.5f * r1 + 0.5f * r2 + 2.0f * r3 - 0.5f * r4 - 2.0f * r5;
        v4[z] = r0 + r1 + r2 + r3 + r4 + 1.5f * r5;
        v5[z] = r5;
    }
}

/* B, added */
PB_VECTOR static void add_input_side_transpose(size_t c, const float *const *o, float *const *v)
{
    ROWS_6(o);
    float *v0 = v[0], *v1 = v[1], *v2 = v[2], *v3 = v[3], *v4 = v[4], *v5 = v[5];

#pragma omp simd
    for (size_t z = 0; z < c; z++) {
        EACH_6(o);
        v0[z] += r0;
        v1[z] += -1.5f * r0 - r1 + r2 - 2.0f * r3 + 0.5f * r4 + r5;
        v2[z] += -2.0f * r0 + 0.5f * r1 - 2.5f * r2 - r3 - r4 - 1.5f * r5;
        v3[z] += 1.5f * r0 + 2.5f * r1 + 0.5f * r2 + 2.0f * r3 - 0.5f * r4 - 2.0f * r5;
        v4[z] += r0 + r1 + r2 + r3 + r4 + 1.5f * r5;
        v5[z] += r5;
    }
}

/* A^T */
PB_VECTOR static void output_side(size_t c, const float *const *m, float *const *y)
{
    ROWS_6(m);
    float *y0 = y[0], *y1 = y[1], *y2 = y[2], *y3 = y[3];

#pragma omp simd
    for (size_t z = 0; z < c; z++) {
        EACH_6(m);
        float sum = r1 + r2, difference = r1 - r2;
        y0[z] = r0 + sum + r3 + r4;
        y1[z] = difference + 0.5f * r3 - 2.0f * r4;
        y2[z] = sum + 0.25f * r3 + 4.0f * r4;
        y3[z] = difference + 0.125f * r3 - 8.0f * r4 + r5;
    }
}

/* A */
PB_VECTOR static void output_side_transpose(size_t c, const float *const *y, float *const *m)
{
    ROWS_4(y);
    float *m0 = m[0], *m1 = m[1], *m2 = m[2], *m3 = m[3], *m4 = m[4], *m5 = m[5];

#pragma omp simd
    for (size_t z = 0; z < c; z++) {
        EACH_4(y);
        float even = r0 + r2, odd = r1 + r3;
        m0[z] = r0;
        m1[z] = even + odd;
        m2[z] = even - odd;
        m3[z] = r0 + 0.5f * r1 + 0.25f * r2 + 0.125f * r3;
        m4[z] = r0 - 2.0f * r1 + 4.0f * r2 - 8.0f * r3;
        m5[z] = r3;
    }
}

PB_VECTOR static void add_bias(size_t c, const float *restrict bias, float *restrict y)
{
    for (size_t z = 0; z < c; z++)
        y[z] += bias[z];
}

typedef void (*side)(size_t c, const float *const *in, float *const *out);

/* A transform of both sides, from `from` x `from` rows of c channels to `to` x `to` rows: `first`
 * over the columns, `second` over the rows. between: to * from * c floats. */
static void both_sides(side first, side second, size_t from, size_t to, size_t c,
                       const float *const *in, float *between, float *const *out)
{
    const float *rows[N_IN];
    float *columns[N_IN];

    for (size_t j = 0; j < from; j++) {
        for (size_t i = 0; i < from; i++)
            rows[i] = in[i * from + j];
        for (size_t i = 0; i < to; i++)
            columns[i] = between + (i * from + j) * c;
        first(c, rows, columns);
    }
    for (size_t i = 0; i < to; i++) {
        for (size_t j = 0; j < from; j++)
            rows[j] = between + (i * from + j) * c;
        second(c, rows, out + i * to);
    }
}

/* -- tiles ------------------------------------------------------------------------------------- */

typedef struct tiling {
    size_t down, across; /* tiles of an image: rows, columns */
    size_t rows;         /* rows of tiles of the batch */
    size_t together;     /* of which so many go through the stages together */
    size_t widest;       /* channels, of input or output */
} tiling;

static tiling get_tiling(const pb_convolution_shape *s)
{
    tiling t = {.down = (s->in_h + N_OUT - 1) / N_OUT, .across = (s->in_w + N_OUT - 1) / N_OUT};
    size_t each = POINTS * t.across * (s->in_c + s->out_c) * sizeof(float);

    t.rows = s->n * t.down;
    t.together = TOGETHER / each < 1 ? 1 : TOGETHER / each;
    t.together = t.together > 4 ? t.together / 4 * 4 : t.together; /* as many even rows as odd */
    if (t.together > t.rows)
        t.together = t.rows;
    t.widest = s->in_c > s->out_c ? s->in_c : s->out_c;
    return t;
}

/* Floats from one of the 36 transforms to the next: not a multiple of a page, or all 36 would
 * compete for the same few places in the cache. */
static size_t get_step(const tiling *t, size_t channels)
{
    return (t->together * t->across * channels + 1023) / 1024 * 1024 + STAGGER;
}

/* What all threads work in. */
typedef struct space {
    float *v, *m; /* transforms of input and output: 36 x tiles together x in_c or out_c */
    size_t v_step, m_step;
    float *own;     /* this thread's: */
    float *between; /* 36 x the wider of both */
    float *zero;    /* the wider of both: zeros to read, */
    float *nowhere; /* and room for what is not wanted */
    float *panel;   /* panels of out_c and of in_c rows */
} space;

static size_t own_floats(const pb_convolution_shape *s, const tiling *t)
{
    return (POINTS + 2) * t->widest + PB_PANEL * (s->in_c + s->out_c);
}

size_t pb_winograd_scratch(const pb_convolution_shape *s, int threads)
{
    const tiling t = get_tiling(s);

    return (POINTS * (get_step(&t, s->in_c) + get_step(&t, s->out_c)) +
            (size_t)threads * own_floats(s, &t)) *
           sizeof(float);
}

static space get_space(const pb_convolution_shape *s, const tiling *t, float *scratch)
{
    space w = {.v = scratch, .v_step = get_step(t, s->in_c), .m_step = get_step(t, s->out_c)};

    w.m = w.v + POINTS * w.v_step;
    w.between = w.m + POINTS * w.m_step + (size_t)omp_get_thread_num() * own_floats(s, t);
    w.zero = w.between + POINTS * t->widest;
    w.nowhere = w.zero + t->widest;
    w.panel = w.nowhere + t->widest;
    memset(w.zero, 0, t->widest * sizeof *w.zero);
    return w;
}

/* Tile number i of the rows of tiles from `first` on: where it lies in the batch. */
typedef struct place {
    size_t item, y, x; /* its first output */
} place;

static place get_place(const tiling *t, size_t first, size_t i)
{
    size_t row = first + i / t->across;

    return (place){row / t->down, row % t->down * N_OUT, i % t->across * N_OUT};
}

/* The row of an image at (y, x), or `other` outside; what is above or left of it wraps. */
static float *row_at(float *image, size_t h, size_t w, size_t c, size_t y, size_t x, float *other)
{
    return y < h && x < w ? image + (y * w + x) * c : other;
}

/* The rows of an image for a square of size x size positions from (y, x) on. */
static void list_rows(const float *image, size_t h, size_t w, size_t c, size_t y, size_t x,
                      size_t size, float *other, float **rows)
{
    for (size_t p = 0; p < size * size; p++)
        rows[p] = row_at((float *)(uintptr_t)image, h, w, c, y + p / size, x + p % size, other);
}

/* -- forward ----------------------------------------------------------------------------------- */

static void transform_input(const pb_convolution_shape *s, const space *w, place at,
                            const float *in, size_t tile)
{
    float *from[POINTS], *to[POINTS];

    list_rows(in + at.item * s->in_h * s->in_w * s->in_c, s->in_h, s->in_w, s->in_c, at.y - 1,
              at.x - 1, N_IN, w->zero, from);
    for (size_t p = 0; p < POINTS; p++)
        to[p] = w->v + p * w->v_step + tile * s->in_c;
    both_sides(input_side, input_side, N_IN, N_IN, s->in_c, (const float *const *)from, w->between,
               to);
}

static void transform_output(const pb_convolution_shape *s, const space *w, place at,
                             const float *bias, float *out, size_t tile)
{
    const float *from[POINTS];
    float *to[POINTS];

    for (size_t p = 0; p < POINTS; p++)
        from[p] = w->m + p * w->m_step + tile * s->out_c;
    list_rows(out + at.item * s->out_h * s->out_w * s->out_c, s->out_h, s->out_w, s->out_c, at.y,
              at.x, N_OUT, w->nowhere, to);
    both_sides(output_side, output_side, N_IN, N_OUT, s->out_c, from, w->between, to);
    for (size_t p = 0; bias && p < N_OUT * N_OUT; p++)
        if (to[p] != w->nowhere)
            add_bias(s->out_c, bias, to[p]);
}

void pb_winograd_forward(const pb_convolution_shape *s, const float *u, const float *in,
                         const float *bias, float *out, int threads, void *scratch)
{
    const tiling t = get_tiling(s);
    size_t panels = pb_panels(s->out_c);

#pragma omp parallel num_threads(threads)
    {
        const space w = get_space(s, &t, scratch);
        for (size_t first = 0; first < t.rows; first += t.together) {
            size_t rows = t.rows - first < t.together ? t.rows - first : t.together;
            size_t tiles = rows * t.across;
#pragma omp for
            for (size_t i = 0; i < tiles; i++)
                transform_input(s, &w, get_place(&t, first, i), in, i);
#pragma omp for collapse(2)
            for (size_t p = 0; p < POINTS; p++)
                for (size_t j = 0; j < panels; j++) {
                    const float *panel = u + (p * panels + j) * PB_PANEL * s->in_c;
                    pb_panel_product(tiles, s->in_c, w.v + p * w.v_step, s->in_c, panel,
                                     panel + PB_PANEL * s->in_c, pb_panel_width(s->out_c, j), false,
                                     w.m + p * w.m_step + j * PB_PANEL, s->out_c);
                }
#pragma omp for
            for (size_t i = 0; i < tiles; i++)
                transform_output(s, &w, get_place(&t, first, i), bias, out, i);
        }
    }
}

/* -- transpose -----------------------------------------------------------------------------------
 */

static void transform_output_transpose(const pb_convolution_shape *s, const space *w, place at,
                                       const float *out, size_t tile)
{
    float *from[POINTS], *to[POINTS];

    list_rows(out + at.item * s->out_h * s->out_w * s->out_c, s->out_h, s->out_w, s->out_c, at.y,
              at.x, N_OUT, w->zero, from);
    for (size_t p = 0; p < POINTS; p++)
        to[p] = w->m + p * w->m_step + tile * s->out_c;
    both_sides(output_side_transpose, output_side_transpose, N_OUT, N_IN, s->out_c,
               (const float *const *)from, w->between, to);
}

/* The two stages in which the rows of tiles are added: neighbours, whose patches share two rows of
 * the image, are never in one stage. */
static size_t stage(const tiling *t, size_t row)
{
    return row / t->together * 2 + row % t->down % 2;
}

/* Sets to zero what the row of tiles is the first to add to. */
static void clear_rows(const pb_convolution_shape *s, const tiling *t, size_t row, float *image)
{
    size_t r = row % t->down, y = r * N_OUT, from = y, to = y + 3;

    if (r == 0 || stage(t, row) < stage(t, row - 1))
        from = y ? y - 1 : 0;
    else
        from = y + 1;
    if (r + 1 == t->down || stage(t, row) < stage(t, row + 1))
        to = y + 5;
    to = to < s->in_h ? to : s->in_h;
    if (from < to)
        memset(image + from * s->in_w * s->in_c, 0,
               (to - from) * s->in_w * s->in_c * sizeof *image);
}

/* Adds the patches of one row of tiles; `tile` is the first of them. */
static void add_row_of_tiles(const pb_convolution_shape *s, const tiling *t, const space *w,
                             size_t row, size_t tile, bool add, float *in)
{
    float *image = in + row / t->down * s->in_h * s->in_w * s->in_c;
    const float *from[POINTS];
    float *to[POINTS];

    if (!add)
        clear_rows(s, t, row, image);
    for (size_t k = 0; k < t->across; k++) {
        for (size_t p = 0; p < POINTS; p++)
            from[p] = w->v + p * w->v_step + (tile + k) * s->in_c;
        list_rows(image, s->in_h, s->in_w, s->in_c, row % t->down * N_OUT - 1, k * N_OUT - 1, N_IN,
                  w->nowhere, to);
        both_sides(input_side_transpose, add_input_side_transpose, N_IN, N_IN, s->in_c, from,
                   w->between, to);
    }
}

/* V = M U^T for one panel of columns of V: turns a panel of U round. */
static void multiply_turned(const pb_convolution_shape *s, const space *w, const float *u,
                            size_t tiles, size_t p, size_t j)
{
    size_t columns = pb_panel_width(s->in_c, j), first = j * PB_PANEL;

    for (size_t o = 0; o < s->out_c; o += PB_PANEL)
        pb_panel_gather(columns, pb_panel_width(s->out_c, o / PB_PANEL),
                        u + o * s->in_c + first * PB_PANEL, PB_PANEL, w->panel + o * PB_PANEL);
    pb_panel_product(tiles, s->out_c, w->m + p * w->m_step, s->out_c, w->panel, NULL, columns,
                     false, w->v + p * w->v_step + first, s->in_c);
}

/* V^T = U M^T for 32 tiles, number j of such: turns the tiles round instead of U. */
static void multiply_tiles(const pb_convolution_shape *s, const space *w, const float *u,
                           size_t tiles, size_t p, size_t j)
{
    size_t first = j * PB_PANEL, count = pb_panel_width(tiles, j);
    float *product = w->panel + PB_PANEL * s->out_c;

    pb_panel_gather(count, s->out_c, w->m + p * w->m_step + first * s->out_c, s->out_c, w->panel);
    for (size_t o = 0; o < s->out_c; o += PB_PANEL)
        pb_panel_product(s->in_c, pb_panel_width(s->out_c, o / PB_PANEL), u + o * s->in_c, PB_PANEL,
                         w->panel + o * PB_PANEL, NULL, PB_PANEL, o > 0, product, PB_PANEL);
    pb_panel_scatter(count, s->in_c, product, w->v + p * w->v_step + first * s->in_c, s->in_c);
}

void pb_winograd_transpose(const pb_convolution_shape *s, const float *u, const float *out,
                           bool add, float *in, int threads, void *scratch)
{
    const tiling t = get_tiling(s);
    size_t weight = pb_winograd_weight_floats(s->out_c, s->in_c) / POINTS;

#pragma omp parallel num_threads(threads)
    {
        const space w = get_space(s, &t, scratch);
        for (size_t first = 0; first < t.rows; first += t.together) {
            size_t rows = t.rows - first < t.together ? t.rows - first : t.together;
            size_t tiles = rows * t.across;
            bool few = 3 * tiles * (s->in_c + s->out_c) < s->in_c * s->out_c;
            size_t panels = pb_panels(few ? tiles : s->in_c);
#pragma omp for
            for (size_t i = 0; i < tiles; i++)
                transform_output_transpose(s, &w, get_place(&t, first, i), out, i);
#pragma omp for collapse(2)
            for (size_t p = 0; p < POINTS; p++)
                for (size_t j = 0; j < panels; j++)
                    (few ? multiply_tiles : multiply_turned)(s, &w, u + p * weight, tiles, p, j);
            for (size_t odd = 0; odd < 2; odd++) {
#pragma omp for
                for (size_t r = 0; r < rows; r++)
                    if ((first + r) % t.down % 2 == odd)
                        add_row_of_tiles(s, &t, &w, first + r, r * t.across, add, in);
            }
        }
    }
}
