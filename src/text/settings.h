/* What the files of a tokenizer say beside its vocabulary: which tokens are special or were added,
 * and how many a prompt has. */
#ifndef PB_TEXT_SETTINGS_H
#define PB_TEXT_SETTINGS_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

/* The tokens that have a part of their own. */
enum { PB_BEGIN, PB_END, PB_UNKNOWN, PB_PAD, PB_NAMED };

typedef struct pb_settings {
    json_t *tokens; /* those looked for in a text, in the order in which they are numbered:
                       {"<toy>": [{"normalized": true, "lstrip": false, "rstrip": false}], …},
                       where the last of each list counts */
    const char *named[PB_NAMED]; /* PB_UNKNOWN may be NULL: none */
    size_t length;        /* tokens of a prompt, those at its ends among them; SIZE_MAX: any */
    json_t *config, *map; /* who owns the strings */
} pb_settings;

/* Puts the files together as transformers does (PreTrainedTokenizerBase._from_pretrained):
 *
 * - "added_tokens_decoder" of tokenizer_config.json has all added tokens where it is there, and no
 *   other file has a say;
 * - else a field of special_tokens_map.json takes the place of that of tokenizer_config.json, and
 *   added are the tokens of added_tokens.json and of tokenizer.json, whose own they are that have
 *   one number in both.
 *
 * Added tokens come in the order of their numbers, then those with a part, then those that lists
 * name. A null is a value: no token is unknown, any length; and refused where transformers fails.
 * fast: tokenizer.json, or NULL. *settings must be zero-filled; pb_settings_clear frees it, also on
 * failure. Errors: PB_IO, PB_FORMAT, PB_UNSUPPORTED (fields that are not followed), PB_MEMORY. */
pb_status pb_settings_read(pb_settings *settings, const char *folder, const json_t *fast,
                           pb_error *error);
void pb_settings_clear(pb_settings *settings);

#endif
