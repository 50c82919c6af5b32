#include "base/plain.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

/* The C locale, for this thread alone; returns the one before. Where it cannot be had nothing
 * changes. */
static locale_t enter(locale_t *c)
{
    *c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return uselocale(*c);
}

static void leave(locale_t c, locale_t before)
{
    uselocale(before);
    if (c)
        freelocale(c);
}

int pb_plain_vprint(char *text, size_t size, const char *format, va_list arguments)
{
    locale_t c, before = enter(&c);
    int n = vsnprintf(text, size, format, arguments);

    leave(c, before);
    return n;
}

int pb_plain_print(char *text, size_t size, const char *format, ...)
{
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = pb_plain_vprint(text, size, format, arguments);
    va_end(arguments);
    return n;
}

double pb_plain_number(const char *text, char **end)
{
    locale_t c, before = enter(&c);
    double value = strtod(text, end);

    leave(c, before);
    return value;
}
