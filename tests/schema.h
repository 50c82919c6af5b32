/* What of JSON Schema the description of the explorer's API uses: type, enum, const, minimum,
 * maximum, maxLength, minItems, maxItems, items, properties, required, additionalProperties, oneOf,
 * $ref, and of pattern that it is kept by files. */
#ifndef SCHEMA_H
#define SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What a $ref ("#/a/b") of the document means, or the object itself; NULL: there is nothing there.
 * Borrowed. */
const json_t *schema_of(const json_t *document, const json_t *object);

/* Is the value as the schema says? Otherwise `why` says where not. A member that the schema does
 * not know is an error, too: what is answered is to be described. */
bool schema_fits(const json_t *document, const json_t *schema, const json_t *value, char *why,
                 size_t room);

#endif
