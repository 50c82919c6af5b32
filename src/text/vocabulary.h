/* The vocabulary of a CLIP tokenizer: tokens and their numbers, merges and their ranks, special
 * tokens.
 */
#ifndef PB_TEXT_VOCABULARY_H
#define PB_TEXT_VOCABULARY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "text/settings.h"

/* A token that is looked for in the text itself. */
typedef struct pb_special {
    char *token; /* as the files have it */
    char *text;  /* as it is looked for */
    uint32_t id;
    bool normalised;  /* looked for in the normalised text, else in the text as given */
    bool left, right; /* the white space at this side belongs to it */
    size_t vectors;   /* TOKEN_1, TOKEN_2, … that there are beside it */
} pb_special;

typedef struct pb_vocabulary {
    json_t *ids;         /* token -> id */
    json_t *ranks;       /* "a b" -> the rank of merging a with b */
    const char **pieces; /* by id, owned by ids or a special token; NULL: none */
    size_t size;         /* one more than the largest id */
    size_t length;       /* tokens of a prompt that the configuration allows; SIZE_MAX: any */
    size_t count;        /* of special tokens */
    pb_special *specials;
    uint32_t named[PB_NAMED]; /* the ids of those with a part (settings.h) */
    bool unknown;             /* is named[PB_UNKNOWN] there? */
} pb_vocabulary;

/* Reads tokenizer.json, or where it is missing vocab.json and merges.txt; then the settings.
 * Added tokens that the vocabulary lacks are numbered from its end on, in their order: transformers
 * does not heed the numbers that files give them. *vocabulary must be zero-filled;
 * pb_vocabulary_clear frees it, also on failure.
 * Errors: PB_IO, PB_FORMAT, PB_UNSUPPORTED, PB_MEMORY. */
pb_status pb_vocabulary_read(pb_vocabulary *vocabulary, const char *folder, pb_error *error);
void pb_vocabulary_clear(pb_vocabulary *vocabulary);

/* Reads a JSON file of the folder: *root, json_decref's, or NULL where it is missing. */
pb_status pb_vocabulary_json(json_t **root, const char *folder, const char *name, pb_error *error);

#endif
