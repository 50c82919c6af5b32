#include "edit/stage.h"

#include <math.h>

#include "base/shape.h"

pb_status pb_directions_check(size_t size, size_t count, const float *v, pb_error *error)
{
    PB_NEED(v, "directions");
    if (size == 0 || count == 0)
        return pb_fail(error, PB_INVALID, "%zu directions of %zu numbers: expected at least one",
                       count, size);
    PB_TRY(pb_count_check(count, size, 1, "directions", error));
    for (size_t i = 0; i < count; i++) {
        double square = 0;
        for (size_t k = 0; k < size; k++)
            square += (double)v[i * size + k] * (double)v[i * size + k];
        if (!(fabs(sqrt(square) - 1) < 1e-3))
            return pb_fail(error, PB_INVALID, "direction %zu has length %g: expected 1", i,
                           sqrt(square));
    }
    return PB_OK;
}
