/* Text: prompts as the tokens and the embeddings that a U-Net is conditioned on. Where a pipeline
 * has two text encoders (Stable Diffusion XL), each reads a prompt by a tokenizer of its own; both
 * are one pb_text_encoder, and their embeddings stand side by side. A pb_text_encoder is immutable
 * once open and may be shared by threads. */
#ifndef PULLBACK_TEXT_H
#define PULLBACK_TEXT_H

#include <stdint.h>

#include <pullback/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pb_text_encoder pb_text_encoder;

/* Opens the tokenizer and the text encoder of a pipeline, FOLDER/tokenizer and
 * FOLDER/text_encoder, and where the U-Net takes a pooled embedding FOLDER/tokenizer_2 and
 * FOLDER/text_encoder_2 too. Errors: PB_INVALID (the model has none), PB_FORMAT (they do not go
 * together, or with the U-Net), those of reading. The model may be freed before it. */
PB_API pb_status pb_text_encoder_open(pb_text_encoder **out, const pb_model *model,
                                      pb_error *error);
PB_API void pb_text_encoder_free(pb_text_encoder *text);

/* Tokens of a prompt, padding included, and numbers of each token's embedding. */
PB_API size_t pb_text_encoder_length(const pb_text_encoder *text);
PB_API size_t pb_text_encoder_width(const pb_text_encoder *text);

/* The ids of a prompt: as many as tokens, or of two tokenizers twice as many. */
PB_API size_t pb_text_encoder_ids(const pb_text_encoder *text);

/* Numbers of a prompt's pooled embedding; 0: there is none. */
PB_API size_t pb_text_encoder_pooled(const pb_text_encoder *text);

/* The tokens of a prompt: ids gets pb_text_encoder_ids() of them, those of the second tokenizer
 * behind those of the first, and has room for `length`; as
 * Hugging Face's CLIPTokenizer gives them in a pipeline of diffusers: a token that a textual
 * inversion of several vectors added, "<toy>", is
 * "<toy> <toy>_1 <toy>_2", where it is spelt as it was added. *used (or NULL): those without
 * padding. A prompt that is too long is cut: *rest (or NULL) gets what was left out (the caller's,
 * pb_text_free), else NULL; both of the first tokenizer. Errors: PB_INVALID (too little room, not
 * UTF-8, over 32 KiB, also with all vectors, or with characters that no token is for), PB_MEMORY.
 */
PB_API pb_status pb_text_encoder_tokens(const pb_text_encoder *text, const char *prompt,
                                        size_t length, uint32_t *ids, size_t *used, char **rest,
                                        pb_error *error);

/* A token as the first vocabulary has it, "photo</w>"; NULL where there is none. Owned by the text.
 */
PB_API const char *pb_text_encoder_piece(const pb_text_encoder *text, uint32_t id);

/* The last hidden state of the text encoder behind its final norm, (tokens, width), for `count`
 * lists of tokens (count,length): what a condition takes as its tensor "context". length:
 * pb_text_encoder_ids(). embeddings: count * tokens * width floats. Of two encoders they are the
 * hidden states before their last layers, side by side, and pooled gets what the second one
 * projects of the last state, behind its final norm, at the end token: a condition's "pooled",
 * count * pb_text_encoder_pooled() floats, or NULL where it is not wanted or there is none. Errors:
 * PB_INVALID (lists of another length, a token beyond the vocabulary), PB_MEMORY, PB_CANCELLED,
 * PB_IO, PB_NUMERIC. */
PB_API pb_status pb_text_encoder_embed(const pb_text_encoder *text, size_t count, size_t length,
                                       const uint32_t *ids, float *embeddings, float *pooled,
                                       const pb_run *run, pb_error *error);

#ifdef __cplusplus
}
#endif

#endif
