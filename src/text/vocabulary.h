/* The files of a CLIP tokenizer: tokens and their numbers, merges and their ranks, special tokens.
 */
#ifndef PB_TEXT_VOCABULARY_H
#define PB_TEXT_VOCABULARY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A token that is looked for in the text itself. */
typedef struct pb_special {
    char *token; /* as the files have it */
    char *text;  /* as it is looked for */
    uint32_t id;
    bool normalised; /* looked for in the normalised text, else in the text as given */
} pb_special;

/* The first special tokens; added ones follow. */
enum { PB_BEGIN, PB_END, PB_UNKNOWN, PB_PAD, PB_NAMED };

typedef struct pb_vocabulary {
    json_t *ids;         /* token -> id */
    json_t *ranks;       /* "a b" -> the rank of merging a with b */
    const char **pieces; /* by id, owned by ids or a special token; NULL: none */
    size_t size;         /* one more than the largest id */
    size_t length;       /* tokens of a prompt that the configuration allows; SIZE_MAX: any */
    size_t count;        /* of special tokens, PB_NAMED at least */
    pb_special *specials;
} pb_vocabulary;

/* Reads vocab.json and merges.txt, or where they are missing tokenizer.json; then which tokens are
 * special or were added from tokenizer_config.json, added_tokens.json, tokenizer.json and
 * special_tokens_map.json, where they are there. *vocabulary must be zero-filled;
 * pb_vocabulary_clear frees it, also on failure.
 * Errors: PB_IO, PB_FORMAT, PB_UNSUPPORTED, PB_MEMORY. */
pb_status pb_vocabulary_read(pb_vocabulary *vocabulary, const char *folder, pb_error *error);
void pb_vocabulary_clear(pb_vocabulary *vocabulary);

#endif
