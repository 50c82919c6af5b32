#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/legible.h"
#include "base/plain.h"

const char *pb_status_name(pb_status status)
{
    switch (status) {
    case PB_OK:
        return "ok";
    case PB_INVALID:
        return "invalid argument";
    case PB_IO:
        return "input/output error";
    case PB_FORMAT:
        return "bad file";
    case PB_UNSUPPORTED:
        return "not supported";
    case PB_MEMORY:
        return "out of memory";
    case PB_CANCELLED:
        return "cancelled";
    case PB_NUMERIC:
        return "numerical failure";
    case PB_INTERNAL:
        return "internal error";
    }
    return "unknown status";
}

/* Cuts an incomplete UTF-8 sequence at the end, and masks what is not legible: a terminal would do
 * what control characters say. */
static void tidy(char *text, int cut)
{
    size_t n = strlen(text), count;

    if (cut) {
        size_t i = n;
        while (i > 0 && ((unsigned char)text[i - 1] & 0xC0) == 0x80)
            i--;
        if (i > 0 && (unsigned char)text[i - 1] >= 0xC0)
            text[i - 1] = '\0';
    }
    for (; *text; text += count) {
        bool shown;
        count = pb_legible_next(text, &shown);
        if (!shown)
            memset(text, '?', count);
    }
}

static void fill(pb_error *error, pb_status status, const char *format, va_list arguments)
{
    int n = pb_plain_vprint(error->message, sizeof error->message, format, arguments);

    error->status = status;
    tidy(error->message, n >= (int)sizeof error->message);
}

pb_status pb_fail(pb_error *error, pb_status status, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        fill(error, status, format, arguments);
        va_end(arguments);
    }
    return status;
}

pb_status pb_fail_in(pb_error *error, pb_status status, const char *format, ...)
{
    if (error) {
        pb_error inner = *error;
        va_list arguments;
        va_start(arguments, format);
        fill(error, status, format, arguments);
        va_end(arguments);
        size_t n = strlen(error->message);
        int m = snprintf(error->message + n, sizeof error->message - n, ": %s", inner.message);
        tidy(error->message, m >= (int)(sizeof error->message - n));
    }
    return status;
}

pb_status pb_fail_theirs(pb_error *error, pb_status status, const pb_error *why, const char *what)
{
    if (status == PB_CANCELLED && !*why->message)
        return pb_fail(error, status, "cancelled");
    if (!*why->message)
        return pb_fail(error, status, "%s failed and did not say why: %s", what,
                       pb_status_name(status));
    return pb_fail(error, status, "%.*s", (int)sizeof why->message, why->message);
}

pb_status pb_fail_system(pb_error *error, const char *path, const char *what)
{
    char reason[128];

    /* The GNU strerror_r: strerror is not safe among threads. */
    return pb_fail(error, PB_IO, "%s: %s%s%s", path, what ? what : "", what ? ": " : "",
                   strerror_r(errno, reason, sizeof reason));
}
