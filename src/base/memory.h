/* Memory: every allocation is checked for overflow, aligned to a cache line, and freed with
 * pb_free. A failure is reported as PB_MEMORY with the number of bytes. */
#ifndef PB_BASE_MEMORY_H
#define PB_BASE_MEMORY_H

#include <stddef.h>

#include "base/error.h"

#define PB_ALIGNMENT 64

/* count * size zero-filled bytes. Never NULL on success, also for 0 bytes. NULL when there is
 * no memory or the product overflows. */
void *pb_calloc(size_t count, size_t size);

/* The same, left unfilled. */
void *pb_malloc(size_t count, size_t size);

void pb_free(void *memory);

/* A copy of a string, to be freed with pb_free; NULL when there is no memory. */
char *pb_strdup(const char *text);

/* Puts a copy of the text (NULL: "") in the place of what was there. what: "a basis", for the
 * message. Errors: PB_MEMORY. */
pb_status pb_set_text(char **place, const char *text, const char *what, pb_error *error);

/* printf into a new string; NULL when there is no memory. */
char *pb_sprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A longer copy of a list of `count` items of `size` bytes that is full, which it frees; *room: how
 * many it then has room for. NULL when there is no memory; the list is then as it was. */
void *pb_grow(void *list, size_t count, size_t *room, size_t size);

/* Adds a name to a list of names, "a, b"; NULL begins one. Frees the list; NULL when there is no
 * memory. */
char *pb_list_add(char *list, const char *name);

/* *product = a * b, or PB_MEMORY's message if it does not fit. */
int pb_mul_overflows(size_t a, size_t b, size_t *product);

/* "out of memory: N bytes for WHAT". */
pb_status pb_fail_memory(pb_error *error, size_t bytes, const char *what);

#endif
