#include "text/vectors.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

/* A text that is being written. */
typedef struct writing {
    char *text;
    size_t length, most;
} writing;

static pb_status write(writing *w, const char *text, size_t length, pb_error *error)
{
    if (length > w->most - w->length)
        return pb_fail(error, PB_INVALID,
                       "a prompt whose tokens of several vectors, written out, are more than %zu "
                       "bytes",
                       w->most);
    memcpy(w->text + w->length, text, length);
    w->length += length;
    return PB_OK;
}

static pb_status write_all(writing *w, const char *text, const pb_special *s, pb_error *error)
{
    size_t length = strlen(s->token);
    const char *found;

    for (; (found = strstr(text, s->token)); text = found + length) {
        PB_TRY(write(w, text, (size_t)(found - text) + length, error));
        for (size_t i = 1; i <= s->vectors; i++) {
            char number[32];
            int n = snprintf(number, sizeof number, "_%zu", i);
            PB_TRY(write(w, " ", 1, error));
            PB_TRY(write(w, s->token, length, error));
            PB_TRY(write(w, number, (size_t)n, error));
        }
    }
    return write(w, text, strlen(text), error);
}

pb_status pb_vectors_write(char **out, const char *text, size_t count,
                           const pb_special *const *specials, size_t most, pb_error *error)
{
    char *now = pb_strdup(text);
    pb_status status = now ? PB_OK : pb_fail_memory(error, strlen(text), "a prompt");

    for (size_t i = 0; status == PB_OK && i < count; i++) {
        writing w = {.text = pb_malloc(most + 1, 1), .most = most};
        status = w.text ? write_all(&w, now, specials[i], error)
                        : pb_fail_memory(error, most + 1, "a prompt");
        if (status == PB_OK) {
            w.text[w.length] = '\0';
            pb_free(now);
            now = w.text;
        } else
            pb_free(w.text);
    }
    if (status == PB_OK)
        *out = now;
    else
        pb_free(now);
    return status;
}
