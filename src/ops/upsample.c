/* Nearest-neighbour enlargement, to twice the height and width or to those of another value.
 *
 *     forward   y[a, b]  = x[s(a), t(b)]
 *     jvp       the same of dx
 *     vjp       dx[p, q] = sum of dy[a, b] over s(a) = p, t(b) = q
 *
 * s(a) = floor(a in / out), and t(b) likewise along the width, with in/out and the product rounded
 * to float32 as F.interpolate(mode="nearest") of PyTorch rounds them. Of the sizes that a U-Net has
 * (m being the smaller one, up to 2094, where float32 is exact enough to change nothing) that is
 *
 *     out = 2m      s(a) = a/2          every position becomes two
 *     out = 2m - 1  s(a) = a/2          but the last, which stays one
 *     out = 2m + 1  s(a) = (a - 1)/2    but the first, which becomes three (s(0) = 0)
 */
#include "ops/ops.h"

#include <string.h>

static pb_status shape(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                       pb_error *error)
{
    (void)params, (void)inputs, (void)error;
    *out = (pb_shape){2 * in[0].h, 2 * in[0].w, in[0].c};
    return PB_OK;
}

static pb_status shape_to(const void *params, size_t inputs, const pb_shape *in, pb_shape *out,
                          pb_error *error)
{
    (void)params, (void)inputs;
    if (in[1].h < in[0].h || in[1].w < in[0].w)
        return pb_fail(error, PB_INVALID, "%zux%zu positions enlarged to %zux%zu", in[0].h, in[0].w,
                       in[1].h, in[1].w);
    *out = (pb_shape){in[1].h, in[1].w, in[0].c};
    return PB_OK;
}

/* One dimension of an enlargement. */
typedef struct axis {
    size_t in, out;
    float scale;
} axis;

static axis axis_of(size_t in, size_t out)
{
    return (axis){in, out, (float)in / (float)out};
}

/* s(a): the position that position a of the output shows. */
static size_t source(const axis *x, size_t a)
{
    size_t p = (size_t)((float)a * x->scale);

    return p < x->in ? p : x->in - 1;
}

/* The first position of the output that shows p or a later one; `out` for p = in. */
static size_t first(const axis *x, size_t p)
{
    size_t a = p * x->out / x->in;

    if (p == x->in)
        return x->out;
    while (a > 0 && source(x, a - 1) >= p)
        a--;
    while (a < x->out && source(x, a) < p)
        a++;
    return a;
}

static pb_status apply(const pb_call *call, pb_error *error)
{
    const pb_shape in = call->in[0], out = call->out;
    const axis down = axis_of(in.h, out.h), across = axis_of(in.w, out.w);
    size_t c = in.c;

    (void)error;
#pragma omp parallel for collapse(2)
    for (size_t j = 0; j < call->n; j++)
        for (size_t a = 0; a < out.h; a++) {
            const float *x = call->x[0] + (j * in.h + source(&down, a)) * in.w * c;
            float *y = call->y + (j * out.h + a) * out.w * c;
            for (size_t b = 0; b < out.w; b++)
                memcpy(y + b * c, x + source(&across, b) * c, c * sizeof *y);
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
    const axis down = axis_of(in.h, out.h), across = axis_of(in.w, out.w);
    size_t c = in.c;

    (void)error;
#pragma omp parallel for collapse(2)
    for (size_t j = 0; j < call->n; j++)
        for (size_t p = 0; p < in.h; p++) {
            size_t top = first(&down, p), rows = first(&down, p + 1) - top, left = 0;
            for (size_t q = 0; q < in.w; q++) {
                size_t right = first(&across, q + 1);
                gather(call->dx[0] + ((j * in.h + p) * in.w + q) * c,
                       call->dy + ((j * out.h + top) * out.w + left) * c, c, rows, right - left,
                       out.w * c, call->add[0]);
                left = right;
            }
        }
    return PB_OK;
}

const pb_op pb_upsample = {
    .name = "upsample",
    .shape = shape,
    .forward = apply,
    .jvp = apply,
    .vjp = vjp,
};

const pb_op pb_upsample_to = {
    .name = "upsample_to",
    .unread = 1,
    .shape = shape_to,
    .forward = apply,
    .jvp = apply,
    .vjp = vjp,
};
