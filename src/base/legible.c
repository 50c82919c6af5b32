#include "base/legible.h"

#include <stdbool.h>
#include <string.h>

#include <utf8proc.h>

#include "base/memory.h"

#define INSTEAD "\xef\xbf\xbd" /* U+FFFD */

/* The bytes of the character that a text begins with, and the character; 0: it is no UTF-8. */
static size_t first(const char *text, utf8proc_int32_t *c)
{
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text, -1, c);

    return n > 0 ? (size_t)n : 0;
}

/* What XML takes, but for tabulators and ends of lines. */
static bool is_shown(utf8proc_int32_t c)
{
    return c >= 0x20 && !(c >= 0x7f && c <= 0x9f) && c != 0xfffe && c != 0xffff;
}

size_t pb_legible_next(const char *text, bool *shown)
{
    utf8proc_int32_t c;
    size_t n = first(text, &c);

    *shown = n && is_shown(c);
    return n ? n : 1;
}

char *pb_legible(const char *text)
{
    char *legible = pb_malloc(strlen(text) + 1, sizeof INSTEAD - 1), *to = legible;
    bool shown;

    while (legible && *text) {
        size_t n = pb_legible_next(text, &shown), count = shown ? n : sizeof INSTEAD - 1;
        memcpy(to, shown ? text : INSTEAD, count);
        to += count;
        text += n;
    }
    if (legible)
        *to = '\0';
    return legible;
}

pb_status pb_check_utf8(const char *name, pb_error *error)
{
    utf8proc_int32_t c;
    size_t n = 0;

    for (const char *at = name; *at; at += n)
        if (!(n = first(at, &c)))
            return pb_fail(error, PB_INVALID,
                           "%s: expected a name in UTF-8: it is written into the results", name);
    return PB_OK;
}
