/* Sizes that Stable Diffusion XL is told besides a prompt (Podell et al. 2023,
 * "micro-conditioning").
 */
#include <stdio.h>
#include <stdlib.h>

#include "session/session.h"

/* Pixels for each position of a latent where there is no autoencoder to ask, as in diffusers. */
#define USUAL_FACTOR 8

void pb_sizes_numbers(const pb_sizes *s, float numbers[PB_SIZES])
{
    const size_t *const pairs[] = {s->original, s->crop, s->target};

    for (size_t i = 0; i < PB_SIZES; i++)
        numbers[i] = (float)pairs[i / 2][i % 2];
}

pb_status pb_sizes_check(const pb_sizes *s, pb_error *error)
{
    const size_t *const pairs[] = {s->original, s->target, s->crop};
    static const char *const names[] = {"original size", "target size", "crop coordinates"};

    for (size_t i = 0; i < 3; i++) {
        const size_t *pair = pairs[i];
        if (pair[0] > PB_SIZE_MOST || pair[1] > PB_SIZE_MOST)
            return pb_fail(error, PB_INVALID, "%s %zu,%zu: expected at most %d", names[i], pair[0],
                           pair[1], PB_SIZE_MOST);
        if (i < 2 && !pair[0] != !pair[1])
            return pb_fail(error, PB_INVALID, "%s %zu,%zu: expected a height and a width", names[i],
                           pair[0], pair[1]);
    }
    return PB_OK;
}

pb_status pb_session_sizes(pb_session *s, pb_sizes *sizes, size_t height, size_t width,
                           pb_error *error)
{
    size_t factor = USUAL_FACTOR, channels;
    size_t *const pairs[] = {sizes ? sizes->original : NULL, sizes ? sizes->target : NULL};

    PB_NEED(s, "a session");
    PB_NEED(sizes, "sizes");
    if (!s->info->pooled_width)
        return PB_OK;
    PB_TRY(pb_sizes_check(sizes, error));
    if (s->info->has_autoencoder)
        PB_TRY(pb_session_pixels(s, &factor, &channels, error));
    for (size_t i = 0; i < 2; i++)
        if (!pairs[i][0]) {
            pairs[i][0] = height * factor;
            pairs[i][1] = width * factor;
        }
    return PB_OK;
}

pb_sizes_text pb_sizes_write(const pb_sizes *s)
{
    pb_sizes_text text;

    snprintf(text.text, sizeof text.text, "%zu,%zu,%zu,%zu,%zu,%zu", s->original[0], s->original[1],
             s->crop[0], s->crop[1], s->target[0], s->target[1]);
    return text;
}

int pb_sizes_read(pb_sizes *s, const char *text)
{
    size_t *const pairs[] = {s->original, s->crop, s->target};

    for (size_t i = 0; i < PB_SIZES; i++) {
        char *end;
        unsigned long value = strtoul(text, &end, 10);
        if (*text < '0' || *text > '9' || *end != (i + 1 < PB_SIZES ? ',' : '\0') ||
            value > PB_SIZE_MOST)
            return -1;
        pairs[i / 2][i % 2] = value;
        text = end + 1;
    }
    return 0;
}
