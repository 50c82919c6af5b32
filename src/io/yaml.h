/* YAML files, as the values of JSON that they say: plain words as PyYAML takes them (null, true,
 * numbers, 010 for 8, else strings), and what is quoted as strings. */
#ifndef PB_IO_YAML_H
#define PB_IO_YAML_H

#include <jansson.h>

#include "base/error.h"

/* Reads the first document of a file of at most 1 MiB, which is to hold a mapping (or nothing but
 * comments: an empty object then): keys that are no words are left out, aliases stand for what they
 * name. The caller owns *out (json_decref). Errors: PB_IO, PB_FORMAT (with the line; a key given
 * twice, more than 32 levels, 2^16 values or 1024 anchors, strings with NUL characters), PB_MEMORY.
 */
pb_status pb_yaml_read(json_t **out, const char *path, pb_error *error);

#endif
