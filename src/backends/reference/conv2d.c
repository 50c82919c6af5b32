#include "backends/reference/item.h"

static void weights(const void *params, const pb_stored *list[2])
{
    list[0] = ((const pb_conv2d_params *)params)->weight;
    list[1] = ((const pb_conv2d_params *)params)->bias;
}

/* Calls for every product of an entry of the input and one of the weight: entry `in` of the input
 * and `w` of the weight belong to entry `out` of the output. */
#define EACH_PRODUCT(item, in_, w_, out_, ...)                                                     \
    do {                                                                                           \
        const pb_conv2d_options *o = &((const pb_conv2d_params *)(item)->params)->o;               \
        const pb_shape from = (item)->in[0], to = (item)->out;                                     \
        for (size_t p = 0; p < to.h; p++)                                                          \
            for (size_t q = 0; q < to.w; q++)                                                      \
                for (size_t a = 0; a < o->kernel; a++)                                             \
                    for (size_t b = 0; b < o->kernel; b++) {                                       \
                        size_t r = p * o->stride + a - o->top;                                     \
                        size_t s = q * o->stride + b - o->left;                                    \
                        if (r >= from.h || s >= from.w)                                            \
                            continue; /* padding; negative ones wrap */                            \
                        for (size_t k = 0; k < to.c; k++)                                          \
                            for (size_t c = 0; c < from.c; c++) {                                  \
                                size_t in_ = (r * from.w + s) * from.c + c;                        \
                                size_t w_ = ((k * from.c + c) * o->kernel + a) * o->kernel + b;    \
                                size_t out_ = (p * to.w + q) * to.c + k;                           \
                                __VA_ARGS__;                                                       \
                            }                                                                      \
                    }                                                                              \
    } while (0)

static void convolve(const pb_reference_item *it, const double *x, double *y)
{
    EACH_PRODUCT(it, in, w, out, y[out] += (double)it->weight[0][w] * x[in]);
}

static pb_status forward(const pb_reference_item *it, pb_error *error)
{
    (void)error;
    for (size_t i = 0; i < pb_shape_size(it->out); i++)
        it->y[i] = it->weight[1] ? (double)it->weight[1][i % it->out.c] : 0;
    convolve(it, it->at[0], it->y);
    return PB_OK;
}

static void jvp(const pb_reference_item *it)
{
    convolve(it, it->x[0], it->y);
}

static void vjp(const pb_reference_item *it)
{
    EACH_PRODUCT(it, in, w, out, it->dx[0][in] += (double)it->weight[0][w] * it->dy[out]);
}

static const pb_reference_op conv2d = {
    .linear = true, .weights = weights, .forward = forward, .jvp = jvp, .vjp = vjp};
PB_REFERENCE_KERNEL(conv2d, NULL);
