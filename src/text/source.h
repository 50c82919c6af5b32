/* The files of a tokenizer beside its vocabulary, as they are read; within settings.h. */
#ifndef PB_TEXT_SOURCE_H
#define PB_TEXT_SOURCE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "text/settings.h"

#define PB_TOKENIZER_CONFIG "tokenizer_config.json"
#define PB_TOKENS_MAP "special_tokens_map.json"
#define PB_TOKENS_ADDED "added_tokens.json"
#define PB_TOKENIZER "tokenizer.json"

typedef struct pb_source {
    const char *folder;
    const json_t *config, *map, *fast; /* NULL: missing; map too where it has no say */
    json_t *named; /* tokens with a part and those of lists, as settings have tokens */
} pb_source;

/* The field of the file that decides, and which that is. */
const json_t *pb_source_field(const pb_source *s, const char *key, const char **file);

/* extra_special_tokens of tokenizer_config.json, which was additional_special_tokens once; *key:
 * which of them. */
const json_t *pb_source_extra(const pb_source *s, const char **key);

/* "FOLDER/FILE: KEY: expected …, found …", PB_FORMAT. */
pb_status pb_source_refuse(const pb_source *s, const char *file, const char *key,
                           const char *expected, const json_t *found, pb_error *error);

/* A token, as a string or as an object whose "content" it is; NULL: none. */
const char *pb_source_content(const json_t *value);

/* A flag of a token: fallback where it is not said. */
pb_status pb_source_flag(bool *flag, const pb_source *s, const json_t *value, const char *key,
                         bool fallback, const char *file, pb_error *error);

/* Puts a token into a list of them, as settings have it. once: what was said before is not said
 * again. A special one is looked for as it is written unless its "normalized" says otherwise. */
pb_status pb_source_add(json_t *tokens, const pb_source *s, const json_t *value, bool special,
                        bool once, const char *file, const char *key, pb_error *error);

/* parts.c: tokens with a part, into s->named, and which those of the settings are; then those of
 * lists. */
pb_status pb_parts_read(pb_settings *settings, const pb_source *s, pb_error *error);
pb_status pb_lists_read(const pb_source *s, pb_error *error);

/* Does a file name the token as special? Objects of tokenizer_config.json do not count. */
bool pb_parts_has(const pb_source *s, const char *token);

/* added.c: added tokens, into the settings' list. decoder: "added_tokens_decoder", or NULL. */
pb_status pb_added_read(pb_settings *settings, const pb_source *s, const json_t *decoder,
                        pb_error *error);

#endif
