/* A text as CLIP's tokenizer sees it before it looks for pairs: normalised, and cut into words. */
#ifndef PB_TEXT_WORDS_H
#define PB_TEXT_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Is it valid UTF-8? */
bool pb_text_is_valid(const char *text, size_t length);

/* Unicode NFC, runs of white space as one space, lower case, of valid UTF-8. The caller frees *out
 * with pb_free. Errors: PB_MEMORY. */
pb_status pb_text_normalise(char **out, const char *text, size_t length, pb_error *error);

/* The bytes of the white space that valid UTF-8 begins with, and that it ends with. */
size_t pb_text_space_before(const char *text, size_t length);
size_t pb_text_space_behind(const char *text, size_t length);

/* The first word of a normalised text: its beginning and length; 0: none is left. Words match
 *
 *     's|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
 *
 * (the first alternative that does). */
size_t pb_text_word(const char *text, size_t length, size_t *begin);

#endif
