/* A prompt as a model reads it. */
#ifndef PB_STUDIO_TOKENS_H
#define PB_STUDIO_TOKENS_H

#include <jansson.h>

#include <pullback/pullback.h>

#include "base/error.h"

typedef struct pb_tokens {
    pb_text_encoder *encoder;
    size_t length, width; /* tokens, padding included; numbers of each one's embedding */
    size_t pooled;        /* numbers of the prompt's pooled embedding; 0: there is none */
    uint32_t *ids;        /* `length` of them; those of a second tokenizer follow */
    size_t used;          /* without padding */
    char *rest;           /* what was left out of a prompt that is too long; NULL: nothing */
} pb_tokens;

/* *tokens need no value before; pb_tokens_clear frees them, also on failure. Errors: those of
 * pb_text_encoder_open and pb_text_encoder_tokens. */
pb_status pb_tokens_find(pb_tokens *tokens, const pb_model *model, const char *prompt,
                         pb_error *error);
void pb_tokens_clear(pb_tokens *tokens);

/* Token i as the vocabulary has it; "" where it has none. */
const char *pb_tokens_piece(const pb_tokens *tokens, size_t i);

/* The embedding (length, width), and the pooled one (1, pooled), where there is one. Both must be
 * empty. Errors: those of pb_text_encoder_embed. */
pb_status pb_tokens_embed(const pb_tokens *tokens, pb_tensor *embedding, pb_tensor *pooled,
                          const pb_run *run, pb_error *error);

json_t *pb_tokens_json(const pb_tokens *tokens, const char *prompt);

#endif
