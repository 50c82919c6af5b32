/* Any bytes as a file of torch.save, and what begins like a pickle as one: refused with a message,
 * or a set of tensors in order, each of which can be found and read. */
#include "feed.h"
#include "io/pickle.h"
#include "io/torch_tensors.h"

#define ENTRIES_MOST 100000

/* Within its storage, without a file. */
static void check_tensor(const pb_torch_tensor *t)
{
    const size_t width = t->stored.count ? t->stored.bytes / t->stored.count : 0;
    size_t last = t->stored.offset;

    if (t->stored.count == 0)
        return;
    for (size_t d = 0; d < t->stored.rank; d++)
        last += (t->stored.shape[d] - 1) * (t->layout.rank ? t->layout.stride[d] * width : 0);
    if (!t->layout.rank)
        last += t->stored.bytes - width;
    HOLD(last + width <= t->storage_bytes);
}

static void check_pickle(const uint8_t *data, size_t size)
{
    pb_torch_tensors tensors = {0};
    pb_error error = {.message = ""};
    pb_pickle *pickle;
    pb_status status = pb_pickle_read(&pickle, "p", data, size, &error);

    if (status == PB_OK)
        status = pb_torch_gather(&tensors, "p", pb_pickle_value(pickle), &error);
    HOLD(status == PB_OK || status == PB_FORMAT || status == PB_UNSUPPORTED);
    HOLD(status == PB_OK ? tensors.count > 0 : error.message[0] != '\0');
    for (size_t i = 0; status == PB_OK && i < tensors.count; i++)
        check_tensor(&tensors.list[i]);
    pb_torch_clear(&tensors);
    pb_pickle_free(pickle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pb_weights *w;
    pb_error error = {.message = ""};
    pb_status status = pb_weights_open(&w, feed(data, size), &error);

    if (size && data[0] == 0x80)
        check_pickle(data, size);
    if (status) {
        HOLD(status == PB_FORMAT || status == PB_UNSUPPORTED);
        HOLD(error.status == status && error.message[0]);
        HOLD(!w);
        return 0;
    }
    hold_weights(w, SIZE_MAX, ENTRIES_MOST); /* expanded ones are larger than the file */
    pb_weights_free(w);
    return 0;
}
