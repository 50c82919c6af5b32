#include <pullback/edit.h>

#include <math.h>

#include "base/shape.h"
#include "edit/stage.h"

pb_status pb_straight(size_t size, const float *x, size_t count, const float *v, double length,
                      size_t stages, float *out, pb_error *error)
{
    PB_NEED(x, "an image");
    PB_NEED(out, "room for images");
    PB_TRY(pb_directions_check(size, count, v, error));
    if (stages == 0 || !isfinite(length))
        return pb_fail(error, PB_INVALID, "a straight step of length %g in %zu stages", length,
                       stages);
    PB_TRY(pb_count_check(count, stages, size, "images", error));
    for (size_t i = 0; i < count; i++)
        for (size_t j = 1; j <= stages; j++, out += size) {
            double s = length * (double)j / (double)stages;
            for (size_t l = 0; l < size; l++)
                out[l] = (float)((double)x[l] + s * (double)v[i * size + l]);
            for (size_t l = 0; l < size; l++)
                if (!isfinite(out[l]))
                    return pb_fail(error, PB_NUMERIC, "a straight step of length %g", s);
        }
    return PB_OK;
}
