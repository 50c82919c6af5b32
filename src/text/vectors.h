/* Tokens of a textual inversion (Gal et al. 2022) that stand for several vectors. */
#ifndef PB_TEXT_VECTORS_H
#define PB_TEXT_VECTORS_H

#include <stddef.h>

#include "base/error.h"
#include "text/vocabulary.h"

/* The text with each of the special tokens replaced by it and its vectors, "<toy>" by "<toy>
 * <toy>_1 <toy>_2": one token after the other, also in what took the place of an earlier one. *out:
 * at most `most` bytes, the caller's (pb_free). Errors: PB_INVALID (it would be more), PB_MEMORY.
 */
pb_status pb_vectors_write(char **out, const char *text, size_t count,
                           const pb_special *const *specials, size_t most, pb_error *error);

#endif
