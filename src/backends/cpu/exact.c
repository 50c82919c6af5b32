#include "backends/cpu/exact.h"

#include <omp.h>
#include <stdatomic.h>
#include <string.h>

#include "backends/cpu/panel.h"
#include "backends/cpu/window.h"
#include "base/vector.h"

/* Output positions that go through a product together. */
#define TOGETHER ((size_t)48)

/* What one thread works in, in doubles. */
typedef struct space {
    double *panel;   /* window x 32: the weights of 32 outputs */
    double *rows;    /* TOGETHER x window; before, the weights of 32 outputs as they are stored */
    double *product; /* TOGETHER x 32 */
} space;

static size_t space_doubles(const pb_convolution_shape *s)
{
    size_t k = pb_window_size(s);

    return (PB_PANEL + TOGETHER) * k + TOGETHER * PB_PANEL;
}

size_t pb_exact_scratch(const pb_convolution_shape *s, int threads)
{
    return (size_t)threads * (space_doubles(s) + 7) / 8 * 8 * sizeof(double);
}

static space get_space(const pb_convolution_shape *s, double *scratch)
{
    size_t k = pb_window_size(s);
    space w = {.panel = scratch + (size_t)omp_get_thread_num() * space_doubles(s)};

    w.rows = w.panel + PB_PANEL * k;
    w.product = w.rows + TOGETHER * k;
    return w;
}

/* The panel of outputs `first` …: entry (p, i) of a window in row p in_c + i. */
static pb_status make_panel(const pb_convolution_shape *s, const pb_stored *weight, size_t first,
                            size_t count, const space *w, pb_error *error)
{
    size_t square = s->kernel * s->kernel, k = pb_window_size(s);
    float *stored = (float *)w->rows;

    PB_TRY(pb_stored_read_some(weight, first * k, count * k, stored, error));
    memset(w->panel, 0, PB_PANEL * k * sizeof *w->panel);
    for (size_t o = 0; o < count; o++)
        for (size_t i = 0; i < s->in_c; i++)
            for (size_t p = 0; p < square; p++)
                w->panel[(p * s->in_c + i) * PB_PANEL + o] = (double)stored[o * k + i * square + p];
    return PB_OK;
}

PB_VECTOR static void widen(size_t count, const float *restrict from, double *restrict to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (double)from[i];
}

static void make_row(const pb_convolution_shape *s, const float *in, size_t at, double *row)
{
    for (size_t p = 0; p < s->kernel * s->kernel; p++, row += s->in_c) {
        size_t from = pb_window_entry(s, at / s->out_w, at % s->out_w, p);
        if (from != SIZE_MAX)
            widen(s->in_c, in + from, row);
        else
            memset(row, 0, s->in_c * sizeof *row);
    }
}

static void make_outputs(const pb_convolution_shape *s, const float *in, const float *bias,
                         float *out, size_t first, size_t count, const space *w)
{
    size_t k = pb_window_size(s), all = s->out_h * s->out_w;

    for (size_t at = 0; at < all; at += TOGETHER) {
        size_t rows = all - at < TOGETHER ? all - at : TOGETHER;
        for (size_t r = 0; r < rows; r++)
            make_row(s, in, at + r, w->rows + r * k);
        pb_panel_product_double(rows, k, w->rows, k, w->panel, false, w->product, PB_PANEL);
        for (size_t r = 0; r < rows; r++)
            for (size_t o = 0; o < count; o++)
                out[(at + r) * s->out_c + first + o] =
                    (float)(w->product[r * PB_PANEL + o] + (bias ? (double)bias[first + o] : 0));
    }
}

/* The first failure of any thread is everybody's. */
typedef struct outcome {
    _Atomic pb_status status;
    pb_error *error;
} outcome;

static void settle(outcome *all, pb_status status, const pb_error *error)
{
    pb_status none = PB_OK;

    if (atomic_compare_exchange_strong(&all->status, &none, status) && all->error)
        *all->error = *error;
}

pb_status pb_exact_forward(const pb_convolution_shape *s, const pb_stored *weight, const float *in,
                           const float *bias, float *out, int threads, void *scratch,
                           pb_error *error)
{
    outcome all = {PB_OK, error};

#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (size_t j = 0; j < pb_panels(s->out_c); j++) {
        const space w = get_space(s, scratch);
        size_t first = j * PB_PANEL, count = pb_panel_width(s->out_c, j);
        pb_status status;
        pb_error own;

        if (all.status != PB_OK)
            continue;
        status = make_panel(s, weight, first, count, &w, &own);
        if (status == PB_OK)
            make_outputs(s, in, bias, out, first, count, &w);
        else
            settle(&all, status, &own);
    }
    return all.status;
}
