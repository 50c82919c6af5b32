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
 * Errors: PB_INVALID (not UTF-8, or too long), PB_MEMORY. */
pb_status pb_tokenizer_encode(const pb_tokenizer *tokenizer, const char *text, size_t length,
                              uint32_t *ids, size_t *used, char **rest, pb_error *error);

#endif
