/* Nearest-neighbour enlargement, to twice the height and width or to those of another value.
 *
 *     forward   y[a, b]  = x[s(a), t(b)]
 *     jvp       the same of dx
 *     vjp       dx[p, q] = sum of dy[a, b] over s(a) = p, t(b) = q
 *
 * with s and t of ops.h. */
#include "backends/cpu/kernels.h"

#include <string.h>

/* One dimension of an enlargement. */
typedef struct axis {
    size_t in, out;
} axis;

/* The first position of the output that shows p or a later one; `out` for p = in. */
static size_t first(const axis *x, size_t p)
{
    size_t a = p * x->out / x->in;

    if (p == x->in)
        return x->out;
    while (a > 0 && pb_upsample_source(x->in, x->out, a - 1) >= p)
        a--;
    while (a < x->out && pb_upsample_source(x->in, x->out, a) < p)
        a++;
    return a;
}

static pb_status apply(const pb_call *call, pb_error *error)
{
    const pb_shape in = call->in[0], out = call->out;
    size_t c = in.c;

    (void)error;
#pragma omp parallel for collapse(2)
    for (size_t j = 0; j < call->n; j++)
        for (size_t a = 0; a < out.h; a++) {
            const float *x = (const float *)call->x[0] +
                             (j * in.h + pb_upsample_source(in.h, out.h, a)) * in.w * c;
            float *y = (float *)call->y + (j * out.h + a) * out.w * c;
            for (size_t b = 0; b < out.w; b++)
                memcpy(y + b * c, x + pb_upsample_source(in.w, out.w, b) * c, c * sizeof *y);
        }
    return PB_OK;
}

/* dx (+)= the sum over a window of `rows` times `columns` positions of dy, `stride` floats from one
 * row to the next. */
static void gather(float *dx, const float *dy, size_t c, size_t rows, size_t columns, size_t stride,
                   bool add)
{
    if (rows == 2 && columns == 2) {
        for (size_t i = 0; i < c; i++)
            dx[i] = (add ? dx[i] : 0.0f) +
                    ((dy[i] + dy[c + i]) + (dy[stride + i] + dy[stride + c + i]));
        return;
    }
    if (!add)
        memset(dx, 0, c * sizeof *dx);
    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < columns; k++)
            for (size_t i = 0; i < c; i++)
                dx[i] += dy[r * stride + k * c + i];
}

static pb_status vjp(const pb_call *call, pb_error *error)
{
    const pb_shape in = call->in[0], out = call->out;
    const axis down = {in.h, out.h}, across = {in.w, out.w};
    const float *dy = call->dy;
    float *dx = call->dx[0];
    size_t c = in.c;

    (void)error;
#pragma omp parallel for collapse(2)
    for (size_t j = 0; j < call->n; j++)
        for (size_t p = 0; p < in.h; p++) {
            size_t top = first(&down, p), rows = first(&down, p + 1) - top, left = 0;
            for (size_t q = 0; q < in.w; q++) {
                size_t right = first(&across, q + 1);
                gather(dx + ((j * in.h + p) * in.w + q) * c,
                       dy + ((j * out.h + top) * out.w + left) * c, c, rows, right - left,
                       out.w * c, call->add[0]);
                left = right;
            }
        }
    return PB_OK;
}

const pb_kernel pb_cpu_upsample = {
    .forward = apply,
    .jvp = apply,
    .vjp = vjp,
};
