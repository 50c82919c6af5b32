#include "backends/cpu/im2row.h"

#include <omp.h>
#include <string.h>

#include "backends/cpu/panel.h"
#include "backends/cpu/window.h"
#include "base/memory.h"
#include "base/vector.h"

/* Output positions that go through a product together, about. */
#define TOGETHER ((size_t)96)

bool pb_im2row_suits(const pb_convolution_shape *s, pb_direction direction)
{
    if (direction == PB_CONVOLVE || s->out_c < 32)
        return false;
    return s->in_c < 32 ? s->kernel > 1 : s->stride > 1 && s->n >= 8;
}

/* Is a window one position, and the next window the next position? */
static bool is_linear(const pb_convolution_shape *s)
{
    return s->kernel == 1 && s->stride == 1 && s->out_h == s->in_h && s->out_w == s->in_w;
}

size_t pb_im2row_weight_floats(size_t out_c, size_t in_c, size_t kernel)
{
    return pb_panels(out_c) * PB_PANEL * kernel * kernel * in_c;
}

pb_status pb_im2row_weights(float **out, const pb_stored *weight, size_t out_c, size_t in_c,
                            size_t kernel, pb_error *error)
{
    size_t count = pb_im2row_weight_floats(out_c, in_c, kernel), square = kernel * kernel;
    float *g, *u;

    PB_TRY(pb_stored_load(&g, weight, error));
    u = pb_calloc(count, sizeof *u);
    if (!u) {
        pb_free(g);
        return pb_fail_memory(error, count * sizeof *u, weight->name);
    }
    for (size_t o = 0; o < out_c; o++) {
        float *panel = u + o / PB_PANEL * PB_PANEL * square * in_c + o % PB_PANEL;
        for (size_t i = 0; i < in_c; i++)
            for (size_t p = 0; p < square; p++)
                panel[(p * in_c + i) * PB_PANEL] = g[(o * in_c + i) * square + p];
    }
    pb_free(g);
    *out = u;
    return PB_OK;
}

/* -- windows ----------------------------------------------------------------------------------- */

static void copy_window(const pb_convolution_shape *s, const float *image, size_t y, size_t x,
                        float *row)
{
    for (size_t p = 0; p < s->kernel * s->kernel; p++, row += s->in_c) {
        size_t from = pb_window_entry(s, y, x, p);
        if (from != SIZE_MAX)
            memcpy(row, image + from, s->in_c * sizeof *row);
        else
            memset(row, 0, s->in_c * sizeof *row);
    }
}

PB_VECTOR static void add_to(size_t count, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < count; i++)
        y[i] += x[i];
}

static void add_window(const pb_convolution_shape *s, const float *row, float *image, size_t y,
                       size_t x)
{
    for (size_t p = 0; p < s->kernel * s->kernel; p++, row += s->in_c) {
        size_t to = pb_window_entry(s, y, x, p);
        if (to != SIZE_MAX)
            add_to(s->in_c, row, image + to);
    }
}

/* -- scratch ----------------------------------------------------------------------------------- */

/* Rows of outputs that the transpose takes together: two groups with one between them never add to
 * the same input. */
static size_t group_rows(const pb_convolution_shape *s)
{
    size_t rows = (TOGETHER + s->out_w - 1) / s->out_w, least = (s->kernel - 1) / s->stride + 1;

    rows = rows < least ? least : rows;
    return rows < s->out_h ? rows : s->out_h;
}

static size_t rows_floats(const pb_convolution_shape *s, pb_direction direction)
{
    size_t rows = direction == PB_CONVOLVE ? TOGETHER : group_rows(s) * s->out_w;

    return is_linear(s) ? 0 : rows * pb_window_size(s);
}

/* The weight turned round: panels of out_c rows, for the window's columns. */
static size_t turned_floats(const pb_convolution_shape *s)
{
    return pb_panels(pb_window_size(s)) * PB_PANEL * s->out_c;
}

size_t pb_im2row_scratch(const pb_convolution_shape *s, pb_direction direction, int threads)
{
    return (sizeof(float)) * ((direction == PB_CONVOLVE ? 0 : turned_floats(s)) +
                              (size_t)threads * rows_floats(s, direction));
}

/* -- forward ----------------------------------------------------------------------------------- */

static void forward_rows(const pb_convolution_shape *s, const float *u, const float *in,
                         const float *bias, float *out, size_t first, size_t count, float *rows)
{
    size_t k = pb_window_size(s), each = s->out_h * s->out_w;

    for (size_t r = 0; r < count && !is_linear(s); r++) {
        size_t at = (first + r) % each;
        const float *image = in + (first + r) / each * s->in_h * s->in_w * s->in_c;
        copy_window(s, image, at / s->out_w, at % s->out_w, rows + r * k);
    }
    for (size_t j = 0; j < pb_panels(s->out_c); j++)
        pb_panel_product(count, k, is_linear(s) ? in + first * k : rows, k, u + j * PB_PANEL * k,
                         NULL, pb_panel_width(s->out_c, j), false,
                         out + first * s->out_c + j * PB_PANEL, s->out_c);
    for (size_t r = 0; r < count && bias; r++)
        add_to(s->out_c, bias, out + (first + r) * s->out_c);
}

void pb_im2row_forward(const pb_convolution_shape *s, const float *u, const float *in,
                       const float *bias, float *out, int threads, void *scratch)
{
    size_t all = s->n * s->out_h * s->out_w, room = rows_floats(s, PB_CONVOLVE);

#pragma omp parallel for num_threads(threads)
    for (size_t first = 0; first < all; first += TOGETHER)
        forward_rows(s, u, in, bias, out, first, all - first < TOGETHER ? all - first : TOGETHER,
                     (float *)scratch + (size_t)omp_get_thread_num() * room);
}

/* -- transpose -----------------------------------------------------------------------------------
 */

/* Panel j of the weight turned round. */
static void turn_panel(const pb_convolution_shape *s, const float *u, size_t j, float *turned)
{
    size_t k = pb_window_size(s), rows = pb_panel_width(k, j);

    for (size_t o = 0; o < s->out_c; o += PB_PANEL)
        pb_panel_gather(rows, pb_panel_width(s->out_c, o / PB_PANEL),
                        u + o * k + j * PB_PANEL * PB_PANEL, PB_PANEL,
                        turned + (j * s->out_c + o) * PB_PANEL);
}

/* What `count` outputs from number `first` on give: rows of windows. */
static void multiply(const pb_convolution_shape *s, const float *turned, const float *out,
                     size_t first, size_t count, bool add, float *rows)
{
    size_t k = pb_window_size(s);

    for (size_t j = 0; j < pb_panels(k); j++)
        pb_panel_product(count, s->out_c, out + first * s->out_c, s->out_c,
                         turned + j * PB_PANEL * s->out_c, NULL, pb_panel_width(k, j), add,
                         rows + j * PB_PANEL, k);
}

static void transpose_linear(const pb_convolution_shape *s, const float *turned, const float *out,
                             bool add, float *in)
{
    size_t all = s->n * s->out_h * s->out_w;

#pragma omp for
    for (size_t first = 0; first < all; first += TOGETHER)
        multiply(s, turned, out, first, all - first < TOGETHER ? all - first : TOGETHER, add,
                 in + first * s->in_c);
}

static void transpose_group(const pb_convolution_shape *s, const float *turned, const float *out,
                            float *in, size_t item, size_t y, float *rows)
{
    size_t count = s->out_h - y < group_rows(s) ? s->out_h - y : group_rows(s);
    float *image = in + item * s->in_h * s->in_w * s->in_c;

    multiply(s, turned, out, (item * s->out_h + y) * s->out_w, count * s->out_w, false, rows);
    for (size_t i = 0; i < count * s->out_w; i++)
        add_window(s, rows + i * pb_window_size(s), image, y + i / s->out_w, i % s->out_w);
}

void pb_im2row_transpose(const pb_convolution_shape *s, const float *u, const float *out, bool add,
                         float *in, int threads, void *scratch)
{
    size_t group = group_rows(s), groups = (s->out_h + group - 1) / group;
    size_t room = rows_floats(s, PB_CONVOLVE_TRANSPOSE), image = s->in_h * s->in_w * s->in_c;
    float *turned = scratch;

#pragma omp parallel num_threads(threads)
    {
        float *rows = turned + turned_floats(s) + (size_t)omp_get_thread_num() * room;
#pragma omp for
        for (size_t j = 0; j < pb_panels(pb_window_size(s)); j++)
            turn_panel(s, u, j, turned);
        if (is_linear(s))
            transpose_linear(s, turned, out, add, in);
        else {
            if (!add) {
#pragma omp for
                for (size_t i = 0; i < s->n * s->in_h; i++)
                    memset(in + i * (image / s->in_h), 0, image / s->in_h * sizeof *in);
            }
            for (size_t odd = 0; odd < 2; odd++) {
#pragma omp for collapse(2)
                for (size_t item = 0; item < s->n; item++)
                    for (size_t g = odd; g < groups; g += 2)
                        transpose_group(s, turned, out, in, item, g * group, rows);
            }
        }
    }
}
