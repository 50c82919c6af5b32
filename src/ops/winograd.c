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
 * where the 6 x 6 patches of neighbouring tiles overlap and are added. */
#include "ops/winograd.h"

#include <omp.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector.h"

#define N_IN 6  /* a side of a tile of inputs */
#define N_OUT 4 /* of outputs */
#define POINTS (N_IN * N_IN)
#define MOST ((size_t)64) /* tiles that go through the matrix products together, at most */

/* G */
static const double kernel_transform[N_IN][3] = {
    {1, 0, 0},
    {1.0 / 3, 1.0 / 3, 1.0 / 3},
    {-1.0 / 3, 1.0 / 3, -1.0 / 3},
    {-16.0 / 15, -8.0 / 15, -4.0 / 15},
    {1.0 / 15, -2.0 / 15, 4.0 / 15},
    {0, 0, 1},
};

bool pb_winograd_suits(const pb_convolution_shape *s)
{
    return s->kernel == 3 && s->stride == 1 && s->top == 1 && s->left == 1 && s->bottom == 1 &&
           s->right == 1 && s->in_c >= 64 && s->out_c >= 64 && s->in_h >= 4 && s->in_w >= 4 &&
           s->n * s->in_h * s->in_w >= 512;
}

pb_status pb_winograd_weights(float **out, const pb_stored *weight, size_t out_c, size_t in_c,
                              pb_error *error)
{
    float *g = pb_malloc(weight->count, sizeof *g), *u;

    u = pb_malloc(POINTS * in_c * out_c, sizeof *u);
    if (!g || !u) {
        pb_free(g);
        pb_free(u);
        return pb_fail_memory(error, POINTS * in_c * out_c * sizeof *u, weight->name);
    }
    pb_stored_read(weight, g);
#pragma omp parallel for
    for (size_t i = 0; i < in_c; i++)
        for (size_t o = 0; o < out_c; o++) {
            const float *k = g + (o * in_c + i) * 9;
            for (size_t a = 0; a < N_IN; a++)
                for (size_t b = 0; b < N_IN; b++) {
                    double sum = 0;
                    for (size_t p = 0; p < 3; p++)
                        for (size_t q = 0; q < 3; q++)
                            sum += kernel_transform[a][p] * (double)k[p * 3 + q] *
                                   kernel_transform[b][q];
                    u[((a * N_IN + b) * in_c + i) * out_c + o] = (float)sum;
                }
        }
    pb_free(g);
    *out = u;
    return PB_OK;
}

/* -- transforms of one side, for c channels at once; results `step` apart ------------------------
 */

/* B^T */
PB_VECTOR static void input_side(size_t c, const float *const *v, float *restrict o, size_t step)
{
    const float *v0 = v[0], *v1 = v[1], *v2 = v[2], *v3 = v[3], *v4 = v[4], *v5 = v[5];

#pragma omp simd
    for (size_t z = 0; z < c; z++) {
        o[z] = v0[z] - 1.5f * v1[z] - 2.0f * v2[z] + 1.5f * v3[z] + v4[z];
        o[step + z] = -v1[z] + 0.5f * v2[z] + 2.5f * v3[z] + v4[z];
        o[2 * step + z] = v1[z] - 2.5f * v2[z] + 0.5f * v3[z] + v4[z];
        o[3 * step + z] = -2.0f * v1[z] - v2[z] + 2.0f * v3[z] + v4[z];
        o[4 * step + z] = 0.5f * v1[z] - v2[z] - 0.5f * v3[z] + v4[z];
        o[5 * step + z] = v1[z] - 1.5f * v2[z] - 2.0f * v3[z] + 1.5f * v4[z] + v5[z];
    }
}

/* B */
PB_VECTOR static void input_side_transpose(size_t c, const float *const *o, float *restrict v,
                                           size_t step)
{
    const float *o0 = o[0], *o1 = o[1], *o2 = o[2], *o3 = o[3], *o4 = o[4], *o5 = o[5];

#pragma omp simd
    for (size_t z = 0; z < c; z++) {
        v[z] = o0[z];
        v[step + z] = -1.5f * o0[z] - o1[z] + o2[z] - 2.0f * o3[z] + 0.5f * o4[z] + o5[z];
        v[2 * step + z] =
            -2.0f * o0[z] + 0.5f * o1[z] - 2.5f * o2[z] - o3[z] - o4[z] - 1.5f * o5[z];
        v[3 * step + z] =
            1.5f * o0[z] + 2.5f * o1[z] + 0.5f * o2[z] + 2.0f * o3[z] - 0.5f * o4[z] - 2.0f * o5[z];
        v[4 * step + z] = o0[z] + o1[z] + o2[z] + o3[z] + o4[z] + 1.5f * o5[z];
        v[5 * step + z] = o5[z];
    }
}

/* A^T */
PB_VECTOR static void output_side(size_t c, const float *const *m, float *restrict y, size_t step)
{
    const float *m0 = m[0], *m1 = m[1], *m2 = m[2], *m3 = m[3], *m4 = m[4], *m5 = m[5];

#pragma omp simd
    for (size_t z = 0; z < c; z++) {
        float sum = m1[z] + m2[z], difference = m1[z] - m2[z];
        y[z] = m0[z] + sum + m3[z] + m4[z];
        y[step + z] = difference + 0.5f * m3[z] - 2.0f * m4[z];
        y[2 * step + z] = sum + 0.25f * m3[z] + 4.0f * m4[z];
        y[3 * step + z] = difference + 0.125f * m3[z] - 8.0f * m4[z] + m5[z];
    }
}

/* A */
PB_VECTOR static void output_side_transpose(size_t c, const float *const *y, float *restrict m,
                                            size_t step)
{
    const float *y0 = y[0], *y1 = y[1], *y2 = y[2], *y3 = y[3];

#pragma omp simd
    for (size_t z = 0; z < c; z++) {
        float even = y0[z] + y2[z], odd = y1[z] + y3[z];
        m[z] = y0[z];
        m[step + z] = even + odd;
        m[2 * step + z] = even - odd;
        m[3 * step + z] = y0[z] + 0.5f * y1[z] + 0.25f * y2[z] + 0.125f * y3[z];
        m[4 * step + z] = y0[z] - 2.0f * y1[z] + 4.0f * y2[z] - 8.0f * y3[z];
        m[5 * step + z] = y3[z];
    }
}

typedef void (*side)(size_t c, const float *const *in, float *out, size_t step);

/* A transform of both sides, from `from` x `from` rows of c channels to `to` x `to` rows `step`
 * apart. between: to * from * c floats. */
static void both_sides(side transform, size_t from, size_t to, size_t c, const float *const *in,
                       float *between, float *out, size_t step)
{
    const float *rows[N_IN];

    for (size_t j = 0; j < from; j++) {
        for (size_t i = 0; i < from; i++)
            rows[i] = in[i * from + j];
        transform(c, rows, between + j * c, from * c);
    }
    for (size_t i = 0; i < to; i++) {
        for (size_t j = 0; j < from; j++)
            rows[j] = between + (i * from + j) * c;
        transform(c, rows, out + i * to * step, step);
    }
}

/* -- tiles ------------------------------------------------------------------------------------- */

typedef struct tiling {
    size_t down, across, all; /* tiles of an image: rows, columns; of the batch */
    size_t block;             /* tiles that a thread takes at a time */
} tiling;

static tiling get_tiling(const pb_convolution_shape *s, int threads)
{
    tiling t = {.down = (s->in_h + N_OUT - 1) / N_OUT, .across = (s->in_w + N_OUT - 1) / N_OUT};
    size_t share;

    t.all = s->n * t.down * t.across;
    share = (t.all + (size_t)threads - 1) / (size_t)threads;
    t.block = share < MOST ? (share + 7) / 8 * 8 : MOST;
    return t;
}

/* What one thread works in. */
typedef struct space {
    float *v;       /* 36 x block x in_c */
    float *m;       /* 36 x block x out_c */
    float *between; /* 36 x the wider of both */
    float *tile;    /* the same */
    float *zero;    /* the wider of both, zeros */
} space;

static size_t widest(const pb_convolution_shape *s)
{
    return s->in_c > s->out_c ? s->in_c : s->out_c;
}

static size_t space_floats(const pb_convolution_shape *s, size_t block)
{
    size_t floats = POINTS * block * (s->in_c + s->out_c) + (2 * POINTS + 1) * widest(s);

    return (floats + 15) / 16 * 16;
}

static space get_space(const pb_convolution_shape *s, size_t block, float *scratch)
{
    space w = {.v = scratch + (size_t)omp_get_thread_num() * space_floats(s, block)};

    w.m = w.v + POINTS * block * s->in_c;
    w.between = w.m + POINTS * block * s->out_c;
    w.tile = w.between + POINTS * widest(s);
    w.zero = w.tile + POINTS * widest(s);
    memset(w.zero, 0, widest(s) * sizeof *w.zero);
    return w;
}

size_t pb_winograd_scratch(const pb_convolution_shape *s, pb_direction direction, int threads)
{
    const tiling t = get_tiling(s, threads);
    size_t floats = (size_t)threads * space_floats(s, t.block);

    if (direction == PB_CONVOLVE_TRANSPOSE)
        floats += t.all * POINTS * s->in_c;
    return floats * sizeof(float);
}

/* The row of an image at (y, x) relative to its corner, or zeros outside. */
static const float *row_at(const float *image, size_t h, size_t w, size_t c, size_t y, size_t x,
                           const float *zero)
{
    return y < h && x < w ? image + (y * w + x) * c : zero; /* negative ones wrap */
}

/* -- forward ----------------------------------------------------------------------------------- */

static void write_tile(const pb_convolution_shape *s, const float *tile, const float *bias,
                       float *image, size_t y, size_t x)
{
    for (size_t i = 0; i < N_OUT && y + i < s->out_h; i++)
        for (size_t j = 0; j < N_OUT && x + j < s->out_w; j++) {
            const float *from = tile + (i * N_OUT + j) * s->out_c;
            float *to = image + ((y + i) * s->out_w + x + j) * s->out_c;
            for (size_t z = 0; z < s->out_c; z++)
                to[z] = from[z] + (bias ? bias[z] : 0.0f);
        }
}

static void forward_block(const pb_convolution_shape *s, tiling t, const float *u, const float *in,
                          const float *bias, float *out, size_t first, const space *w)
{
    size_t count = t.all - first < t.block ? t.all - first : t.block, each = t.down * t.across;
    const float *rows[POINTS];

    for (size_t k = 0; k < count; k++) {
        size_t item = (first + k) / each, tile = (first + k) % each;
        size_t y = tile / t.across * N_OUT - 1, x = tile % t.across * N_OUT - 1;
        const float *image = in + item * s->in_h * s->in_w * s->in_c;
        for (size_t p = 0; p < POINTS; p++)
            rows[p] = row_at(image, s->in_h, s->in_w, s->in_c, y + p / N_IN, x + p % N_IN, w->zero);
        both_sides(input_side, N_IN, N_IN, s->in_c, rows, w->between, w->v + k * s->in_c,
                   t.block * s->in_c);
    }
    for (size_t p = 0; p < POINTS; p++)
        pb_sgemm(false, false, count, s->out_c, s->in_c, 1.0f, w->v + p * t.block * s->in_c,
                 s->in_c, u + p * s->in_c * s->out_c, s->out_c, 0.0f, w->m + p * t.block * s->out_c,
                 s->out_c);
    for (size_t k = 0; k < count; k++) {
        size_t item = (first + k) / each, tile = (first + k) % each;
        for (size_t p = 0; p < POINTS; p++)
            rows[p] = w->m + (p * t.block + k) * s->out_c;
        both_sides(output_side, N_IN, N_OUT, s->out_c, rows, w->between, w->tile, s->out_c);
        write_tile(s, w->tile, bias, out + item * s->out_h * s->out_w * s->out_c,
                   tile / t.across * N_OUT, tile % t.across * N_OUT);
    }
}

void pb_winograd_forward(const pb_convolution_shape *s, const float *u, const float *in,
                         const float *bias, float *out, int threads, void *scratch)
{
    const tiling t = get_tiling(s, threads);

#pragma omp parallel num_threads(threads)
    {
        const space w = get_space(s, t.block, scratch);
#pragma omp for schedule(dynamic)
        for (size_t first = 0; first < t.all; first += t.block)
            forward_block(s, t, u, in, bias, out, first, &w);
    }
}

/* -- transpose -----------------------------------------------------------------------------------
 */

/* The patches of a block of tiles: 36 x in_c floats each. */
static void transpose_block(const pb_convolution_shape *s, tiling t, const float *u,
                            const float *out, float *patches, size_t first, const space *w)
{
    size_t count = t.all - first < t.block ? t.all - first : t.block, each = t.down * t.across;
    const float *rows[POINTS];

    for (size_t k = 0; k < count; k++) {
        size_t item = (first + k) / each, tile = (first + k) % each;
        size_t y = tile / t.across * N_OUT, x = tile % t.across * N_OUT;
        const float *image = out + item * s->out_h * s->out_w * s->out_c;
        for (size_t p = 0; p < N_OUT * N_OUT; p++)
            rows[p] =
                row_at(image, s->out_h, s->out_w, s->out_c, y + p / N_OUT, x + p % N_OUT, w->zero);
        both_sides(output_side_transpose, N_OUT, N_IN, s->out_c, rows, w->between,
                   w->m + k * s->out_c, t.block * s->out_c);
    }
    for (size_t p = 0; p < POINTS; p++)
        pb_sgemm(false, true, count, s->in_c, s->out_c, 1.0f, w->m + p * t.block * s->out_c,
                 s->out_c, u + p * s->in_c * s->out_c, s->out_c, 0.0f, w->v + p * t.block * s->in_c,
                 s->in_c);
    for (size_t k = 0; k < count; k++) {
        for (size_t p = 0; p < POINTS; p++)
            rows[p] = w->v + (p * t.block + k) * s->in_c;
        both_sides(input_side_transpose, N_IN, N_IN, s->in_c, rows, w->between,
                   patches + (first + k) * POINTS * s->in_c, s->in_c);
    }
}

/* The entry of a row or column of an image within the tiles that hold it: tile (at + 1)/4, and at
 * its edge the one before. */
static size_t holders(size_t at, size_t tiles, size_t tile[2], size_t entry[2])
{
    size_t last = (at + 1) / N_OUT, r = (at + 1) % N_OUT, count = 0;

    if (last < tiles) {
        tile[count] = last;
        entry[count++] = r;
    }
    if (r < N_IN - N_OUT && last > 0) {
        tile[count] = last - 1;
        entry[count++] = r + N_OUT;
    }
    return count;
}

PB_VECTOR static void add_row(size_t c, const float *restrict from, float *restrict to)
{
    for (size_t z = 0; z < c; z++)
        to[z] += from[z];
}

static void gather_pixel(const pb_convolution_shape *s, tiling t, const float *patches, bool add,
                         float *in, size_t item, size_t y, size_t x)
{
    float *to = in + ((item * s->in_h + y) * s->in_w + x) * s->in_c;
    size_t down[2], across[2], row[2], column[2];
    size_t rows = holders(y, t.down, down, row), columns = holders(x, t.across, across, column);

    if (!add)
        memset(to, 0, s->in_c * sizeof *to);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            size_t tile = (item * t.down + down[i]) * t.across + across[j];
            add_row(s->in_c, patches + (tile * POINTS + row[i] * N_IN + column[j]) * s->in_c, to);
        }
}

void pb_winograd_transpose(const pb_convolution_shape *s, const float *u, const float *out,
                           bool add, float *in, int threads, void *scratch)
{
    const tiling t = get_tiling(s, threads);
    float *patches = (float *)scratch + (size_t)threads * space_floats(s, t.block);

#pragma omp parallel num_threads(threads)
    {
        const space w = get_space(s, t.block, scratch);
#pragma omp for schedule(dynamic)
        for (size_t first = 0; first < t.all; first += t.block)
            transpose_block(s, t, u, out, patches, first, &w);
#pragma omp for collapse(2)
        for (size_t item = 0; item < s->n; item++)
            for (size_t y = 0; y < s->in_h; y++)
                for (size_t x = 0; x < s->in_w; x++)
                    gather_pixel(s, t, patches, add, in, item, y, x);
    }
}
