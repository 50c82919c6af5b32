/* Numbers as text, as in the C locale whatever the program around has chosen: with setlocale to
 * one of many countries' "%g" would write 0,5, and strtod not read 0.5 to its end. */
#ifndef PB_BASE_PLAIN_H
#define PB_BASE_PLAIN_H

#include <stdarg.h>
#include <stddef.h>

/* snprintf and vsnprintf. */
int pb_plain_print(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int pb_plain_vprint(char *text, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* strtod. */
double pb_plain_number(const char *text, char **end);

#endif
