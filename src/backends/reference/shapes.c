/* Operations that move entries about: each is a sum over pairs (entry of an input, entry of the
 * output), with one factor. */
#include "backends/reference/item.h"

/* Something to be done with every pair. */
typedef void (*pair)(const pb_reference_item *it, size_t input, size_t in, size_t out,
                     double factor);

typedef void (*pairs)(const pb_reference_item *it, pair each);

static void add_value(const pb_reference_item *it, size_t input, size_t in, size_t out,
                      double factor)
{
    it->y[out] += factor * it->at[input][in];
}

static void add_tangent(const pb_reference_item *it, size_t input, size_t in, size_t out,
                        double factor)
{
    if (it->x[input])
        it->y[out] += factor * it->x[input][in];
}

static void add_cotangent(const pb_reference_item *it, size_t input, size_t in, size_t out,
                          double factor)
{
    if (it->dx[input])
        it->dx[input][in] += factor * it->dy[out];
}

static pb_status value(const pb_reference_item *it, pairs all)
{
    for (size_t i = 0; i < pb_shape_size(it->out); i++)
        it->y[i] = 0;
    all(it, add_value);
    return PB_OK;
}

#define LINEAR(NAME)                                                                               \
    static pb_status NAME##_value(const pb_reference_item *it, pb_error *error)                    \
    {                                                                                              \
        (void)error;                                                                               \
        return value(it, NAME##_pairs);                                                            \
    }                                                                                              \
    static void NAME##_tangent(const pb_reference_item *it)                                        \
    {                                                                                              \
        NAME##_pairs(it, add_tangent);                                                             \
    }                                                                                              \
    static void NAME##_cotangent(const pb_reference_item *it)                                      \
    {                                                                                              \
        NAME##_pairs(it, add_cotangent);                                                           \
    }                                                                                              \
    static const pb_reference_op NAME = {                                                          \
        .linear = true, .forward = NAME##_value, .jvp = NAME##_tangent, .vjp = NAME##_cotangent};  \
    PB_REFERENCE_KERNEL(NAME, NULL)

static size_t at(pb_shape s, size_t row, size_t column, size_t c)
{
    return (row * s.w + column) * s.c + c;
}

/* Channel `first` + c of the output is channel c of input k, in every position. */
static void copy_channels(const pb_reference_item *it, pair each, size_t k, size_t first,
                          size_t channels)
{
    for (size_t r = 0; r < it->out.h * it->out.w; r++)
        for (size_t c = 0; c < channels; c++)
            each(it, k, r * it->in[k].c + c, r * it->out.c + first + c, 1);
}

static void concat_pairs(const pb_reference_item *it, pair each)
{
    copy_channels(it, each, 0, 0, it->in[0].c);
    copy_channels(it, each, 1, it->in[0].c, it->in[1].c);
}

static void slice_pairs(const pb_reference_item *it, pair each)
{
    copy_channels(it, each, 0, 0, it->out.c);
}

static void avg_pool_pairs(const pb_reference_item *it, pair each)
{
    for (size_t p = 0; p < 2 * it->out.h; p++)
        for (size_t q = 0; q < 2 * it->out.w; q++)
            for (size_t c = 0; c < it->out.c; c++)
                each(it, 0, at(it->in[0], p, q, c), at(it->out, p / 2, q / 2, c), 0.25);
}

static void upsample_pairs(const pb_reference_item *it, pair each)
{
    const pb_shape in = it->in[0], out = it->out;

    for (size_t a = 0; a < out.h; a++)
        for (size_t b = 0; b < out.w; b++)
            for (size_t c = 0; c < out.c; c++)
                each(it, 0,
                     at(in, pb_upsample_source(in.h, out.h, a), pb_upsample_source(in.w, out.w, b),
                        c),
                     at(out, a, b, c), 1);
}

LINEAR(concat);
LINEAR(slice);
LINEAR(avg_pool);
LINEAR(upsample);
