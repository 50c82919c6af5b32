/* Bodies of requests: JSON by a schema, right and wrong, and bytes. */
#ifndef FUZZ_BODIES_H
#define FUZZ_BODIES_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

typedef struct body {
    unsigned char *bytes; /* free */
    size_t size;
} body;

/* A value as a schema says, with numbers that are small more often than not. */
json_t *body_by_schema(const json_t *document, const json_t *schema, uint64_t *random);

/* That as text, in one of three with something wrong: a member of another type, one too many, one
 * that is missing, huge numbers, deep nesting, broken text. */
body body_of_json(const json_t *document, const json_t *schema, uint64_t *random);

/* Bytes, in two of three with some of them changed, cut off or repeated. */
body body_of_bytes(const unsigned char *bytes, size_t size, uint64_t *random);

#endif
