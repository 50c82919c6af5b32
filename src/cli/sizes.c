#include "cli/sizes.h"

#include <stdlib.h>

/* "1024,768", each from `least` to PB_SIZE_MOST; leaves the pair where there is no text. */
static pb_status take(size_t pair[2], const char *option, const char *text, const char *what,
                      unsigned long least, pb_error *error)
{
    const char *at = text;

    for (int i = 0; text && i < 2; i++) {
        char *end;
        unsigned long value = strtoul(at, &end, 10);
        if (*at < '0' || *at > '9' || *end != (i ? '\0' : ',') || value < least ||
            value > PB_SIZE_MOST)
            return pb_fail(error, PB_INVALID, "%s %s: expected %s in pixels, %lu to %d each",
                           option, text, what, least, PB_SIZE_MOST);
        pair[i] = value;
        at = end + 1;
    }
    return PB_OK;
}

pb_status pb_sizes_take(pb_sizes *s, const pb_size_flags *f, pb_error *error)
{
    PB_TRY(take(s->original, "--original-size", f->original, "HEIGHT,WIDTH", 1, error));
    PB_TRY(take(s->crop, "--crop-coords", f->crop, "TOP,LEFT", 0, error));
    return take(s->target, "--target-size", f->target, "HEIGHT,WIDTH", 1, error);
}
