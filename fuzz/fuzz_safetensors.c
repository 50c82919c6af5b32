/* Any bytes as a safetensors file: refused with a message, or a set of tensors in order that
 * cover the data exactly, each of which can be found and read. */
#include "feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pb_weights *w;
    pb_error error = {.message = ""};
    pb_status status = pb_weights_open(&w, feed(data, size), &error);

    if (status) {
        HOLD(status == PB_FORMAT || status == PB_UNSUPPORTED);
        HOLD(error.status == status && error.message[0]);
        HOLD(!w);
        return 0;
    }
    hold_weights(w, size, SIZE_MAX);
    pb_weights_metadata(w, "format");
    pb_weights_free(w);
    return 0;
}
