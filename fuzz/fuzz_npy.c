/* Any bytes as a .npy file: refused with a message, or a tensor of finite entries that survives
 * the claims below. */
#include <math.h>

#include <pullback/tensor.h>

#include "feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pb_tensor t = PB_TENSOR_EMPTY;
    pb_error error = {.message = ""};
    pb_status status = pb_npy_read(&t, feed(data, size), &error);

    if (status) {
        HOLD(status == PB_FORMAT || status == PB_UNSUPPORTED);
        HOLD(error.status == status && error.message[0]);
        HOLD(!t.data);
        return 0;
    }
    HOLD(t.rank <= PB_MAX_RANK);
    HOLD(pb_tensor_count(&t) <= size / 4);
    for (size_t i = 0; i < pb_tensor_count(&t); i++)
        HOLD(isfinite(t.data[i]));
    pb_tensor_clear(&t);
    return 0;
}
