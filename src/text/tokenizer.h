/* CLIP's tokenizer: byte-pair encoding (Sennrich et al. 2016) over bytes (Radford et al. 2019), as
 * Hugging Face's CLIPTokenizer computes it. */
#ifndef PB_TEXT_TOKENIZER_H
#define PB_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct pb_tokenizer pb_tokenizer;

/* Prompts of more bytes are refused. */
#define PB_PROMPT_BYTES 32768

/* Reads the files of a folder (vocabulary.h).
 * Errors: PB_IO, PB_FORMAT, PB_UNSUPPORTED, PB_MEMORY. */
pb_status pb_tokenizer_open(pb_tokenizer **out, const char *folder, pb_error *error);
void pb_tokenizer_free(pb_tokenizer *tokenizer);

/* One more than the largest id. */
size_t pb_tokenizer_size(const pb_tokenizer *tokenizer);

/* Tokens of a prompt that the config allows, those at its ends among them; SIZE_MAX: any number. */
size_t pb_tokenizer_length(const pb_tokenizer *tokenizer);

/* The token as the vocabulary has it, or NULL. Owned by the tokenizer. */
const char *pb_tokenizer_piece(const pb_tokenizer *tokenizer, uint32_t id);

/* The ids of a text: that of the beginning, the text's, that of the end, and padding up to `length`
 * of them. *used: those without padding. A text that needs more is cut: *rest gets what was left
 * out (the caller's, pb_free), else NULL; rest may be NULL.
 * Errors: PB_INVALID (not UTF-8, too long, or unknown where no token is for that), PB_MEMORY. */
pb_status pb_tokenizer_encode(const pb_tokenizer *tokenizer, const char *text, size_t length,
                              uint32_t *ids, size_t *used, char **rest, pb_error *error);

/* The text with every token of several vectors written out, "<toy>" as "<toy> <toy>_1 <toy>_2"
 * where those were added, as diffusers does before it encodes (maybe_convert_prompt): each such
 * token that the text is read to have, whatever else it stands in ("<toy>_1" becomes "<toy> <toy>_1
 * <toy>_2_1" if "<toy>" is elsewhere), but not where it is spelt otherwise ("<TOY>" keeps one
 * vector). Of tokens that are parts of each other, the first in the text is written out first; in
 * diffusers that is chance. *out: the caller's (pb_free); NULL: there is none in the text. Errors:
 * as above, too long once written out among them. */
pb_status pb_tokenizer_write_out(const pb_tokenizer *tokenizer, char **out, const char *text,
                                 pb_error *error);

#endif
