/* Names of files may hold any bytes; what shows or keeps them holds text. */
#ifndef PB_BASE_LEGIBLE_H
#define PB_BASE_LEGIBLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* The text to be shown, in a plot, a table or a page: valid UTF-8 of one line and without control
 * characters, for each of which, and for each byte that is no UTF-8, there is one U+FFFD. What is
 * legible stays as it is. pb_free; NULL: no memory. */
char *pb_legible(const char *text);

/* The bytes of the character that a text, which is not empty, begins with: 1 where it is no UTF-8.
 * *shown: is it one that pb_legible leaves as it is? */
size_t pb_legible_next(const char *text, bool *shown);

/* Of a name that a file of results will hold, and by which it will be opened again. Errors:
 * PB_INVALID (it is not in UTF-8). */
pb_status pb_check_utf8(const char *name, pb_error *error);

#endif
