/* JSON as the readers of this folder need it: parsed strictly, and quoted in messages briefly. */
#ifndef PB_IO_JSON_H
#define PB_IO_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

/* Parses UTF-8 text that holds one JSON object and nothing else; duplicate keys and strings with
 * NUL characters are refused. what ("header", or NULL) is put after the path in messages.
 * The caller owns *out (json_decref). Errors: PB_FORMAT (with line and column), PB_MEMORY. */
pb_status pb_json_parse(json_t **out, const char *path, const char *what, const void *text,
                        size_t size, pb_error *error);

/* What Python's json module writes although JSON has no such numbers: Infinity, then read as 1e308;
 * and integers beyond 64 bits, then read as real numbers. */
enum { PB_JSON_INFINITY = 1, PB_JSON_LARGE = 2 };

/* Reads a file of at most `most` bytes so, and takes the kinds of numbers above that are named.
 * Errors: PB_IO, PB_FORMAT, PB_MEMORY. */
pb_status pb_json_read(json_t **out, const char *path, size_t most, unsigned kinds,
                       pb_error *error);

/* A string of what can be shown of a name, whatever bytes it has (base/legible.h): it names a file
 * only where it is in UTF-8 already. NULL: no memory. */
json_t *pb_json_name(const char *name);

/* Numbers as a list: a tensor's shape. */
json_t *pb_json_counts(size_t count, const size_t *values);

/* Numbers as a list. */
json_t *pb_json_reals(size_t count, const double *values);

/* An object as text of one line in ASCII, as a PNG's text chunks take it; free(). NULL: no memory.
 */
char *pb_json_ascii(const json_t *object);

/* Text short enough for a message. Use as pb_quote(name).text within one expression. */
typedef struct pb_short {
    char text[96];
} pb_short;

/* The string in double quotes, cut after 80 bytes (at a character's end) with "...". */
pb_short pb_quote(const char *string);

/* What a value is: "\"two\"", "17", "a list of 3", "an object", "true", "null", "nothing" (NULL).
 */
pb_short pb_json_found(const json_t *value);

#endif
