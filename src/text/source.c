#include "text/source.h"

#include <string.h>

#include "base/memory.h"
#include "io/json.h"

#define MAX_SPECIALS 4096

const json_t *pb_source_field(const pb_source *s, const char *key, const char **file)
{
    const json_t *value = json_object_get(s->map, key);

    *file = value ? PB_TOKENS_MAP : PB_TOKENIZER_CONFIG;
    return value ? value : json_object_get(s->config, key);
}

const json_t *pb_source_extra(const pb_source *s, const char **key)
{
    const json_t *extra = json_object_get(s->config, "extra_special_tokens");
    const json_t *additional = json_object_get(s->config, "additional_special_tokens");
    bool empty = !extra || json_is_null(extra) ||
                 (json_is_array(extra) && json_array_size(extra) == 0) ||
                 (json_is_object(extra) && json_object_size(extra) == 0);

    *key = additional && empty ? "additional_special_tokens" : "extra_special_tokens";
    return additional && empty ? additional : extra;
}

pb_status pb_source_refuse(const pb_source *s, const char *file, const char *key,
                           const char *expected, const json_t *found, pb_error *error)
{
    return pb_fail(error, PB_FORMAT, "%s/%s: %s: expected %s, found %s", s->folder, file, key,
                   expected, pb_json_found(found).text);
}

const char *pb_source_content(const json_t *value)
{
    return json_string_value(json_is_object(value) ? json_object_get(value, "content") : value);
}

pb_status pb_source_flag(bool *flag, const pb_source *s, const json_t *value, const char *key,
                         bool fallback, const char *file, pb_error *error)
{
    const json_t *found = json_object_get(value, key);

    *flag = found ? json_is_true(found) : fallback;
    if (!found || json_is_boolean(found))
        return PB_OK;
    return pb_fail(error, PB_FORMAT, "%s/%s: %s: %s: expected true or false, found %s", s->folder,
                   file, pb_quote(pb_source_content(value)).text, key, pb_json_found(found).text);
}

/* The list of what was said about a token. */
static pb_status list_of(json_t **list, json_t *tokens, const char *content, const pb_source *s,
                         pb_error *error)
{
    *list = json_object_get(tokens, content);
    if (*list)
        return PB_OK;
    if (json_object_size(tokens) == MAX_SPECIALS)
        return pb_fail(error, PB_FORMAT, "%s: more than %d special or added tokens", s->folder,
                       MAX_SPECIALS);
    *list = json_array();
    if (json_object_set_new(tokens, content, *list))
        return pb_fail_memory(error, strlen(content), "a token");
    return PB_OK;
}

static bool has_equal(const json_t *list, const json_t *token)
{
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        if (json_equal(item, token))
            return true;
    }
    return false;
}

pb_status pb_source_add(json_t *tokens, const pb_source *s, const json_t *value, bool special,
                        bool once, const char *file, const char *key, pb_error *error)
{
    const char *content = pb_source_content(value);
    bool normalised, left, right, word;
    json_t *token, *list;
    pb_status status;

    if (!content || !*content)
        return pb_source_refuse(s, file, key, "a token",
                                json_is_object(value) ? json_object_get(value, "content") : value,
                                error);
    PB_TRY(pb_source_flag(&normalised, s, value, "normalized", !special, file, error));
    PB_TRY(pb_source_flag(&left, s, value, "lstrip", false, file, error));
    PB_TRY(pb_source_flag(&right, s, value, "rstrip", false, file, error));
    PB_TRY(pb_source_flag(&word, s, value, "single_word", false, file, error));
    if (word)
        return pb_fail(error, PB_UNSUPPORTED, "%s/%s: %s: single_word is not supported", s->folder,
                       file, pb_quote(content).text);
    token = json_pack("{s:b, s:b, s:b, s:b}", "normalized", normalised, "lstrip", left, "rstrip",
                      right, "typed", json_is_object(value));
    status = token ? PB_OK : pb_fail_memory(error, strlen(content), "a token");
    if (status == PB_OK)
        status = list_of(&list, tokens, content, s, error);
    if (status == PB_OK && !(once && has_equal(list, token)) && json_array_append(list, token))
        status = pb_fail_memory(error, strlen(content), "a token");
    json_decref(token);
    return status;
}
