#include "feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void broken(const char *claim, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, claim);
    abort();
}

const char *feed(const uint8_t *data, size_t size)
{
    static char path[64];
    static int file = -1;

    if (file < 0) {
        file = memfd_create("fuzz", MFD_CLOEXEC);
        HOLD(file >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    HOLD(ftruncate(file, 0) == 0);
    HOLD(pwrite(file, data, size, 0) == (ssize_t)size);
    return path;
}

void hold_weights(const pb_weights *w, size_t most_bytes, size_t most_entries)
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
        HOLD(t->source);
        bytes += t->bytes;
        HOLD(bytes <= most_bytes);
        if (t->dtype != PB_INTEGER && t->count <= most_entries) {
            float *out = malloc(t->count ? t->count * sizeof *out : 1);
            HOLD(out);
            HOLD(pb_stored_read(t, out, NULL) == PB_OK);
            free(out);
        }
    }
}
