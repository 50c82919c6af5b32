/* Attention (Vaswani et al. 2017). A large softmax is never stored: P is recomputed from Q, K and
 * two numbers of each row, one tile of rows at a time (Dao et al. 2022).
 *
 * In one head, with d channels and s = 1/sqrt(d):
 *
 *     forward   S = s Q K^T,  P = softmax of the rows,  O = P V
 *               saved: Q, K, V, O, and of each row of S its maximum t and r = 1/sum exp(S - t)
 *     jvp       dS = s (dQ K^T + Q dK^T),  T = P o dS
 *               dO = T V - rowsum(T) o O + P dV
 *     vjp       dP = dO V^T,  D = rowsum(dO o O),  dS = s P o (dP - D)
 *               dQ = dS K,  dK = dS^T Q,  dV = P^T dO
 *
 * where P = r exp(S - t), o is the entrywise product. Q has n rows, K and V have m. Where row i
 * sees rows 0 … i only (causal), the other entries of P are 0.
 */
#include "backends/cpu/kernels.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "backends/cpu/exponential.h"
#include "base/memory.h"
#include "base/vector.h"

/* Rows of a tile. */
#define TILE ((size_t)64)

/* Up to so many entries, P itself is kept, computed in double precision: large logits lose digits
 * in float32. */
#define KEPT_ENTRIES ((size_t)1 << 20)

enum { Q = PB_Q, K = PB_K, V = PB_V };

/* Sizes of one call. */
typedef struct sizes {
    size_t n, m;        /* rows of Q; of K and V */
    size_t c, heads, d; /* channels, heads, channels of a head */
    float scale;
    bool causal;
} sizes;

static sizes get_sizes(const pb_call *call)
{
    sizes s = {
        .n = call->in[Q].h * call->in[Q].w,
        .m = call->in[K].h * call->in[K].w,
        .c = call->in[Q].c,
        .heads = ((const pb_attention_params *)call->params)->heads,
        .causal = ((const pb_attention_params *)call->params)->causal,
    };
    s.d = s.c / s.heads;
    s.scale = 1.0f / sqrtf((float)s.d);
    return s;
}

static bool keeps_p(const sizes *s)
{
    return s->heads * s->n * s->m <= KEPT_ENTRIES;
}

/* What a linearisation keeps, one after the other. */
typedef struct state {
    float *q, *k, *v, *o; /* n, m, m, n rows of c */
    float *rows;          /* heads rows of n pairs (t, r), or NULL where P is kept */
    float *p;             /* heads x n rows of m, or NULL */
} state;

static state get_state(const sizes *s, float *saved)
{
    state kept = {0};

    kept.q = saved;
    kept.k = kept.q + s->n * s->c;
    kept.v = kept.k + s->m * s->c;
    kept.o = kept.v + s->m * s->c;
    if (keeps_p(s))
        kept.p = kept.o + s->n * s->c;
    else
        kept.rows = kept.o + s->n * s->c;
    return kept;
}

static size_t saved(const pb_call *call)
{
    sizes s = get_sizes(call);

    return 2 * (s.n + s.m) * s.c + s.heads * s.n * (keeps_p(&s) ? s.m : 2);
}

/* Two tiles of rows of S for each thread. */
static size_t tile_floats(const sizes *s)
{
    return (TILE * s->m + 15) / 16 * 16;
}

static size_t work(const pb_call *call, pb_pass pass)
{
    sizes s = get_sizes(call);

    (void)pass;
    return (size_t)call->threads * 2 * tile_floats(&s) * sizeof(float);
}

static float *thread_tile(const pb_call *call, const sizes *s, size_t i)
{
    return (float *)call->work + ((size_t)omp_get_thread_num() * 2 + i) * tile_floats(s);
}

/* C = beta C + alpha A B^T, A rows x d, B cols x d, both with rows `ld` apart. */
static void times_transpose(size_t rows, size_t cols, size_t d, float alpha, const float *a,
                            const float *b, size_t ld, float beta, float *c, size_t ldc)
{
    pb_sgemm(false, true, rows, cols, d, alpha, a, ld, b, ld, beta, c, ldc);
}

/* C = beta C + A B, A rows x inner (dense), B inner x d and C rows x d with rows `ld` apart. */
static void times(size_t rows, size_t inner, size_t d, const float *a, const float *b, size_t ld,
                  float beta, float *c)
{
    pb_sgemm(false, false, rows, d, inner, 1.0f, a, inner, b, ld, beta, c, ld);
}

/* C = C + A^T B, A inner x rows (dense), B inner x d and C rows x d with rows `ld` apart. */
static void add_transpose_times(size_t rows, size_t inner, size_t d, const float *a, const float *b,
                                size_t ld, float *c)
{
    pb_sgemm(true, false, rows, d, inner, 1.0f, a, rows, b, ld, 1.0f, c, ld);
}

/* Entries of row r of P that are not 0 by definition. */
static size_t row_length(const sizes *s, size_t r)
{
    return s->causal && r + 1 < s->m ? r + 1 : s->m;
}

/* -- rows of m entries ----------------------------------------------------------------------- */

PB_VECTOR static float exp_row(size_t m, float shift, float *restrict row)
{
    float sum = 0;

    for (size_t i = 0; i < m; i++)
        row[i] = pb_expf(row[i] - shift);
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < m; i++)
        sum += row[i];
    return sum;
}

PB_VECTOR static void scale_row(size_t m, float scale, float *row)
{
    for (size_t i = 0; i < m; i++)
        row[i] *= scale;
}

/* row <- row o p; returns its sum. */
PB_VECTOR static float multiply_row(size_t m, const float *restrict p, float *restrict row)
{
    float sum = 0;

#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < m; i++) {
        row[i] *= p[i];
        sum += row[i];
    }
    return sum;
}

/* row <- scale p o (row - shift) */
PB_VECTOR static void centre_row(size_t m, float scale, float shift, const float *restrict p,
                                 float *restrict row)
{
    for (size_t i = 0; i < m; i++)
        row[i] = scale * p[i] * (row[i] - shift);
}

PB_VECTOR static float dot(size_t d, const float *restrict a, const float *restrict b)
{
    float sum = 0;

#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < d; i++)
        sum += a[i] * b[i];
    return sum;
}

/* -- forward --------------------------------------------------------------------------------- */

/* Softmax of the rows of S in place, rows `from` and on of it; pairs gets each row's (t, r) where
 * it is not NULL. */
static void softmax(const sizes *s, size_t from, size_t rows, float *tile, float *pairs)
{
    for (size_t r = 0; r < rows; r++) {
        float *row = tile + r * s->m, top = row[0], sum;
        size_t seen = row_length(s, from + r);
        for (size_t i = 1; i < seen; i++)
            top = row[i] > top ? row[i] : top;
        sum = exp_row(seen, top, row);
        scale_row(seen, 1.0f / sum, row);
        memset(row + seen, 0, (s->m - seen) * sizeof *row);
        if (pairs) {
            pairs[2 * r] = top;
            pairs[2 * r + 1] = 1.0f / sum;
        }
    }
}

/* A row of P and of O, in double precision; logits: room for m. */
static void exact_row(const sizes *s, const state *kept, size_t h, size_t r, double *logits,
                      float *y)
{
    const float *q = kept->q + r * s->c + h * s->d;
    float *p = kept->p + (h * s->n + r) * s->m;
    double top = -INFINITY, sum = 0;
    size_t seen = row_length(s, r);

    for (size_t j = 0; j < seen; j++) {
        const float *k = kept->k + j * s->c + h * s->d;
        double dots = 0;
        for (size_t i = 0; i < s->d; i++)
            dots += (double)q[i] * (double)k[i];
        logits[j] = dots / sqrt((double)s->d);
        top = fmax(top, logits[j]);
    }
    for (size_t j = 0; j < s->m; j++)
        sum += logits[j] = j < seen ? exp(logits[j] - top) : 0;
    for (size_t j = 0; j < s->m; j++)
        p[j] = (float)(logits[j] / sum);
    for (size_t i = h * s->d; i < (h + 1) * s->d; i++) {
        double value = 0;
        for (size_t j = 0; j < s->m; j++)
            value += logits[j] * (double)kept->v[j * s->c + i];
        y[r * s->c + i] = (float)(value / sum);
    }
}

static pb_status forward_exact(const pb_call *call, const sizes *s, const state *kept,
                               pb_error *error)
{
    atomic_bool stopped = false;

#pragma omp parallel for collapse(2) num_threads(call->threads)
    for (size_t h = 0; h < s->heads; h++)
        for (size_t r = 0; r < s->n; r++)
            if (!pb_call_stopped(call, &stopped))
                exact_row(s, kept, h, r, (double *)thread_tile(call, s, 0), call->y);
    return pb_call_end(stopped, error);
}

static pb_status forward(const pb_call *call, pb_error *error)
{
    const sizes s = get_sizes(call);
    size_t tiles = (s.n + TILE - 1) / TILE;
    atomic_bool stopped = false;
    state kept = {0};

    if (call->saved) {
        kept = get_state(&s, call->saved);
        memcpy(kept.q, call->x[Q], s.n * s.c * sizeof(float));
        memcpy(kept.k, call->x[K], s.m * s.c * sizeof(float));
        memcpy(kept.v, call->x[V], s.m * s.c * sizeof(float));
    }
    if (kept.p) {
        PB_TRY(forward_exact(call, &s, &kept, error));
        memcpy(kept.o, call->y, s.n * s.c * sizeof(float));
        return PB_OK;
    }
#pragma omp parallel for collapse(3) num_threads(call->threads)
    for (size_t j = 0; j < call->n; j++)
        for (size_t h = 0; h < s.heads; h++)
            for (size_t t = 0; t < tiles; t++) {
                size_t from = t * TILE, rows = s.n - from < TILE ? s.n - from : TILE;
                const float *q = (const float *)call->x[Q] + (call->shared[Q] ? 0 : j) * s.n * s.c;
                const float *k = (const float *)call->x[K] + (call->shared[K] ? 0 : j) * s.m * s.c;
                const float *v = (const float *)call->x[V] + (call->shared[V] ? 0 : j) * s.m * s.c;
                float *tile = thread_tile(call, &s, 0);
                if (pb_call_stopped(call, &stopped))
                    continue;
                times_transpose(rows, s.m, s.d, s.scale, q + from * s.c + h * s.d, k + h * s.d, s.c,
                                0.0f, tile, s.m);
                softmax(&s, from, rows, tile, kept.rows ? kept.rows + 2 * (h * s.n + from) : NULL);
                times(rows, s.m, s.d, tile, v + h * s.d, s.c, 0.0f,
                      (float *)call->y + (j * s.n + from) * s.c + h * s.d);
            }
    if (call->saved)
        memcpy(kept.o, call->y, s.n * s.c * sizeof(float));
    return pb_call_end(stopped, error);
}

/* -- jvp and vjp ----------------------------------------------------------------------------- */

/* P of `rows` rows from `from` on in head h: kept, or computed into p. */
static const float *get_p(const sizes *s, const state *kept, size_t h, size_t from, size_t rows,
                          float *p)
{
    if (kept->p)
        return kept->p + (h * s->n + from) * s->m;
    times_transpose(rows, s->m, s->d, s->scale, kept->q + from * s->c + h * s->d,
                    kept->k + h * s->d, s->c, 0.0f, p, s->m);
    for (size_t r = 0; r < rows; r++) {
        const float *pair = kept->rows + 2 * (h * s->n + from + r);
        size_t seen = row_length(s, from + r);
        exp_row(seen, pair[0], p + r * s->m);
        scale_row(seen, pair[1], p + r * s->m);
        memset(p + r * s->m + seen, 0, (s->m - seen) * sizeof *p);
    }
    return p;
}

/* What begins `floats` behind a buffer, where there is one. */
static const float *item(const float *buffer, size_t floats)
{
    return buffer ? buffer + floats : NULL;
}

static void jvp_tile(const pb_call *call, const sizes *s, const state *kept, size_t j, size_t h,
                     size_t from, size_t rows)
{
    const float *p = get_p(s, kept, h, from, rows, thread_tile(call, s, 0));
    float *t = thread_tile(call, s, 1);
    size_t at = from * s->c + h * s->d;
    const float *dq = item(call->x[Q], j * s->n * s->c), *dk = item(call->x[K], j * s->m * s->c);
    const float *dv = item(call->x[V], j * s->m * s->c);
    float *dy = (float *)call->y + j * s->n * s->c;

    if (dq)
        times_transpose(rows, s->m, s->d, s->scale, dq + at, kept->k + h * s->d, s->c, 0.0f, t,
                        s->m);
    if (dk)
        times_transpose(rows, s->m, s->d, s->scale, kept->q + at, dk + h * s->d, s->c,
                        dq ? 1.0f : 0.0f, t, s->m);
    if (dq || dk) {
        float sums[TILE];
        for (size_t r = 0; r < rows; r++)
            sums[r] = multiply_row(s->m, p + r * s->m, t + r * s->m);
        times(rows, s->m, s->d, t, kept->v + h * s->d, s->c, 0.0f, dy + at);
        for (size_t r = 0; r < rows; r++)
            for (size_t i = 0; i < s->d; i++)
                dy[at + r * s->c + i] -= sums[r] * kept->o[at + r * s->c + i];
    }
    if (dv)
        times(rows, s->m, s->d, p, dv + h * s->d, s->c, dq || dk ? 1.0f : 0.0f, dy + at);
}

static pb_status jvp(const pb_call *call, pb_error *error)
{
    const sizes s = get_sizes(call);
    const state kept = get_state(&s, call->saved);
    size_t tiles = (s.n + TILE - 1) / TILE;
    atomic_bool stopped = false;

#pragma omp parallel for collapse(3) num_threads(call->threads)
    for (size_t j = 0; j < call->n; j++)
        for (size_t h = 0; h < s.heads; h++)
            for (size_t t = 0; t < tiles; t++) {
                size_t from = t * TILE, rows = s.n - from < TILE ? s.n - from : TILE;
                if (!pb_call_stopped(call, &stopped))
                    jvp_tile(call, &s, &kept, j, h, from, rows);
            }
    return pb_call_end(stopped, error);
}

/* One tile's share in dQ, dK and dV. */
static void vjp_tile(const pb_call *call, const sizes *s, const state *kept, size_t j, size_t h,
                     size_t from, size_t rows)
{
    const float *p = get_p(s, kept, h, from, rows, thread_tile(call, s, 0));
    float *t = thread_tile(call, s, 1);
    size_t at = from * s->c + h * s->d;
    const float *dy = (const float *)call->dy + j * s->n * s->c;

    if (call->dx[V])
        add_transpose_times(s->m, rows, s->d, p, dy + at, s->c,
                            (float *)call->dx[V] + j * s->m * s->c + h * s->d);
    if (!call->dx[Q] && !call->dx[K])
        return;
    times_transpose(rows, s->m, s->d, 1.0f, dy + at, kept->v + h * s->d, s->c, 0.0f, t, s->m);
    for (size_t r = 0; r < rows; r++)
        centre_row(s->m, s->scale, dot(s->d, dy + at + r * s->c, kept->o + at + r * s->c),
                   p + r * s->m, t + r * s->m);
    if (call->dx[Q])
        times(rows, s->m, s->d, t, kept->k + h * s->d, s->c, call->add[Q] ? 1.0f : 0.0f,
              (float *)call->dx[Q] + j * s->n * s->c + at);
    if (call->dx[K])
        add_transpose_times(s->m, rows, s->d, t, kept->q + at, s->c,
                            (float *)call->dx[K] + j * s->m * s->c + h * s->d);
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    const sizes s = get_sizes(call);
    const state kept = get_state(&s, call->saved);
    atomic_bool stopped = false;

    for (size_t i = K; i <= V; i++)
        if (call->dx[i] && !call->add[i])
            memset(call->dx[i], 0, call->n * s.m * s.c * sizeof(float));
#pragma omp parallel for collapse(2) num_threads(call->threads)
    for (size_t j = 0; j < call->n; j++)
        for (size_t h = 0; h < s.heads; h++)
            for (size_t from = 0; from < s.n; from += TILE)
                if (!pb_call_stopped(call, &stopped))
                    vjp_tile(call, &s, &kept, j, h, from, s.n - from < TILE ? s.n - from : TILE);
    return pb_call_end(stopped, error);
}

const pb_kernel pb_cpu_attention = {
    .saved = saved,
    .work = work,
    .forward = forward,
    .jvp = jvp,
    .vjp = vjp,
};
