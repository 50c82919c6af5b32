/* The name of what is computed once: the hash of all that determines it. */
#ifndef PB_STUDY_PLAN_KEY_H
#define PB_STUDY_PLAN_KEY_H

#include <jansson.h>

typedef struct pb_key {
    char text[65];
} pb_key;

/* A specification as the text that is hashed: compact JSON with sorted keys; free(). NULL: no
 * memory. */
char *pb_key_text(const json_t *spec);

/* Its SHA-256; of NULL, or without memory, an empty one. */
pb_key pb_key_of(const json_t *spec);

#endif
