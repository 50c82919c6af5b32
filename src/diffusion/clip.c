#include "diffusion/clip.h"

#include <math.h>
#include <stdlib.h>

pb_status pb_clip_check(const pb_clip *clip, pb_error *error)
{
    switch (clip->kind) {
    case PB_CLIP_NONE:
        break;
    case PB_CLIP_RANGE:
        if (!(clip->range > 0))
            return pb_fail(error, PB_INVALID, "clip_sample_range %g: expected more than 0",
                           clip->range);
        break;
    case PB_CLIP_QUANTILE:
        if (!(clip->ratio >= 0 && clip->ratio <= 1))
            return pb_fail(error, PB_INVALID, "dynamic_thresholding_ratio %g: expected 0 to 1",
                           clip->ratio);
        if (!(clip->most > 0))
            return pb_fail(error, PB_INVALID, "sample_max_value %g: expected more than 0",
                           clip->most);
        break;
    default:
        return pb_fail(error, PB_INVALID, "clipping %d is not known", (int)clip->kind);
    }
    return PB_OK;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* torch.quantile of |x0|: entry ratio (size - 1) of them in order, linear between two. */
static double quantile(double ratio, size_t size, const double *x0, double *sorted)
{
    double place = ratio * (double)(size - 1);
    size_t below = (size_t)place, above = below + 1 < size ? below + 1 : below;

    for (size_t i = 0; i < size; i++)
        sorted[i] = fabs(x0[i]);
    qsort(sorted, size, sizeof *sorted, ascending);
    return sorted[below] + (place - (double)below) * (sorted[above] - sorted[below]);
}

static void clamp(size_t size, double *x0, double most)
{
    for (size_t i = 0; i < size; i++) /* a NaN is neither less nor more */
        x0[i] = x0[i] < -most ? -most : x0[i] > most ? most : x0[i];
}

void pb_clip_image(const pb_clip *clip, size_t size, double *x0, double *room)
{
    double s;

    for (size_t i = 0; i < size; i++)
        if (!isfinite(x0[i]))
            return;
    switch (clip->kind) {
    case PB_CLIP_NONE:
        break;
    case PB_CLIP_RANGE:
        clamp(size, x0, clip->range);
        break;
    case PB_CLIP_QUANTILE:
        s = fmin(fmax(quantile(clip->ratio, size, x0, room), 1), clip->most);
        clamp(size, x0, s);
        for (size_t i = 0; i < size; i++)
            x0[i] /= s;
        break;
    }
}
