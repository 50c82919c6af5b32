/* Any bytes as a safetensors file: refused with a message, or a set of tensors in order that
 * cover the data exactly, each of which can be found and read. */
#include <stdlib.h>
#include <string.h>

#include "feed.h"
#include "io/weights.h"

static void check(const pb_weights *w, size_t size)
{
    size_t bytes = 0;

    for (size_t i = 0; i < pb_weights_count(w); i++) {
        const pb_stored *t = pb_weights_at(w, i);
        size_t count = 1;

        HOLD(i == 0 || strcmp(pb_weights_at(w, i - 1)->name, t->name) < 0);
        HOLD(pb_weights_find(w, t->name) == t);
        HOLD(t->rank <= PB_MAX_RANK);
        for (size_t k = 0; k < t->rank; k++)
            count *= t->shape[k];
        HOLD(t->count == count);
        HOLD(t->bytes >= t->count && t->bytes <= 8 * t->count);
        bytes += t->bytes;
        HOLD(bytes <= size);
        if (t->dtype != PB_INTEGER) {
            float *out = malloc(t->count ? t->count * sizeof *out : 1);
            HOLD(out);
            HOLD(pb_stored_read(t, out, NULL) == PB_OK);
            free(out);
        }
    }
    pb_weights_metadata(w, "format");
}

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
    check(w, size);
    pb_weights_free(w);
    return 0;
}
