/* With s = 1/sqrt(d), in each head, for one row of Q:
 *
 *     forward   S = s Q K^T,  P = exp(S) / sum exp(S),  O = P V
 *     jvp       dS = s (dQ K^T + Q dK^T),  dP = P o (dS - sum(P dS)),  dO = dP V + P dV
 *     vjp       dP = dO V^T,  dS = P o (dP - sum(P dP)),  dQ = s dS K,  dK = s dS^T Q,  dV = P^T dO
 */
#include <math.h>

#include "backends/reference/item.h"
#include "base/memory.h"

/* One head. Entry i of row r of a buffer is at at(h, r, i). */
typedef struct head {
    const pb_reference_item *it;
    size_t first, d, n, m, c; /* channels; rows of Q; of K and V; all channels */
    bool causal;
} head;

static double entry(const head *h, const double *from, size_t row, size_t i)
{
    return from ? from[row * h->c + h->first + i] : 0;
}

static double *place(const head *h, double *to, size_t row, size_t i)
{
    return &to[row * h->c + h->first + i];
}

/* How many rows of K and V row r sees. */
static size_t seen(const head *h, size_t r)
{
    return h->causal && r + 1 < h->m ? r + 1 : h->m;
}

/* s a_r b_j */
static double logit(const head *h, const double *a, size_t r, const double *b, size_t j)
{
    double sum = 0;

    for (size_t i = 0; i < h->d; i++)
        sum += entry(h, a, r, i) * entry(h, b, j, i);
    return sum / sqrt((double)h->d);
}

/* Row r of P is exp(S - top) / sum. */
typedef struct softmax {
    double top, sum;
} softmax;

static softmax measure(const head *h, size_t r)
{
    const double *q = h->it->at[PB_Q], *k = h->it->at[PB_K];
    softmax s = {-INFINITY, 0};

    for (size_t j = 0; j < seen(h, r); j++)
        s.top = fmax(s.top, logit(h, q, r, k, j));
    for (size_t j = 0; j < seen(h, r); j++)
        s.sum += exp(logit(h, q, r, k, j) - s.top);
    return s;
}

static double probability(const head *h, softmax s, size_t r, size_t j)
{
    return exp(logit(h, h->it->at[PB_Q], r, h->it->at[PB_K], j) - s.top) / s.sum;
}

static void row_value(const head *h, size_t r)
{
    softmax s = measure(h, r);

    for (size_t i = 0; i < h->d; i++)
        *place(h, h->it->y, r, i) = 0;
    for (size_t j = 0; j < seen(h, r); j++) {
        double p = probability(h, s, r, j);
        for (size_t i = 0; i < h->d; i++)
            *place(h, h->it->y, r, i) += p * entry(h, h->it->at[PB_V], j, i);
    }
}

static double dlogit(const head *h, size_t r, size_t j)
{
    const pb_reference_item *it = h->it;

    return logit(h, it->x[PB_Q], r, it->at[PB_K], j) + logit(h, it->at[PB_Q], r, it->x[PB_K], j);
}

static void row_tangent(const head *h, size_t r)
{
    const pb_reference_item *it = h->it;
    softmax s = measure(h, r);
    double mean = 0;

    for (size_t j = 0; j < seen(h, r); j++)
        mean += probability(h, s, r, j) * dlogit(h, r, j);
    for (size_t j = 0; j < seen(h, r); j++) {
        double p = probability(h, s, r, j), dp = p * (dlogit(h, r, j) - mean);
        for (size_t i = 0; i < h->d; i++)
            *place(h, it->y, r, i) +=
                dp * entry(h, it->at[PB_V], j, i) + p * entry(h, it->x[PB_V], j, i);
    }
}

static double dprobability(const head *h, size_t r, size_t j)
{
    double sum = 0;

    for (size_t i = 0; i < h->d; i++)
        sum += entry(h, h->it->dy, r, i) * entry(h, h->it->at[PB_V], j, i);
    return sum;
}

static void row_cotangent(const head *h, size_t r)
{
    const pb_reference_item *it = h->it;
    softmax s = measure(h, r);
    double mean = 0, scale = 1 / sqrt((double)h->d);

    for (size_t j = 0; j < seen(h, r); j++)
        mean += probability(h, s, r, j) * dprobability(h, r, j);
    for (size_t j = 0; j < seen(h, r); j++) {
        double p = probability(h, s, r, j), ds = p * (dprobability(h, r, j) - mean) * scale;
        for (size_t i = 0; i < h->d; i++) {
            if (it->dx[PB_Q])
                *place(h, it->dx[PB_Q], r, i) += ds * entry(h, it->at[PB_K], j, i);
            if (it->dx[PB_K])
                *place(h, it->dx[PB_K], j, i) += ds * entry(h, it->at[PB_Q], r, i);
            if (it->dx[PB_V])
                *place(h, it->dx[PB_V], j, i) += p * entry(h, it->dy, r, i);
        }
    }
}

/* Every row of every head. */
static void each_row(const pb_reference_item *it, void (*row)(const head *h, size_t r))
{
    const pb_attention_params *p = it->params;
    head h = {.it = it,
              .d = it->out.c / p->heads,
              .n = it->in[PB_Q].h * it->in[PB_Q].w,
              .m = it->in[PB_K].h * it->in[PB_K].w,
              .c = it->out.c,
              .causal = p->causal};

    for (; h.first < h.c; h.first += h.d)
        for (size_t r = 0; r < h.n; r++)
            row(&h, r);
}

static pb_status forward(const pb_reference_item *it, pb_error *error)
{
    (void)error;
    each_row(it, row_value);
    return PB_OK;
}

static void jvp(const pb_reference_item *it)
{
    each_row(it, row_tangent);
}

static void vjp(const pb_reference_item *it)
{
    each_row(it, row_cotangent);
}

static const pb_reference_op attention = {.forward = forward, .jvp = jvp, .vjp = vjp};
PB_REFERENCE_KERNEL(attention, pb_reference_saved);
