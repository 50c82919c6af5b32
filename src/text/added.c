#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/json.h"
#include "text/source.h"
#include "text/vocabulary.h"

/* Notes an added token under its number, in place of one that has it: added is {"49408": [FILE,
 * {"content": …}], …}. Takes value over. */
static pb_status note(json_t *added, json_int_t id, const char *file, json_t *value,
                      pb_error *error)
{
    char key[32];

    snprintf(key, sizeof key, "%" JSON_INTEGER_FORMAT, id);
    if (json_object_set_new(added, key, json_pack("[s, o]", file, value)))
        return pb_fail_memory(error, sizeof key, "a token");
    return PB_OK;
}

/* "added_tokens_decoder" of tokenizer_config.json: {"49408": {"content": …}, …}. */
static pb_status read_decoder(json_t *added, const pb_source *s, const json_t *decoder,
                              pb_error *error)
{
    const char *key;
    json_t *value;

    if (!json_is_object(decoder))
        return pb_source_refuse(s, PB_TOKENIZER_CONFIG, "added_tokens_decoder", "an object",
                                decoder, error);
    json_object_foreach((json_t *)decoder, key, value)
    {
        char *end;
        long long id = strtoll(key, &end, 10);
        if (end == key || *end)
            return pb_fail(error, PB_FORMAT,
                           "%s/" PB_TOKENIZER_CONFIG
                           ": added_tokens_decoder: expected a number, found %s",
                           s->folder, pb_quote(key).text);
        if (!json_is_object(value))
            return pb_source_refuse(s, PB_TOKENIZER_CONFIG, "added_tokens_decoder", "an object",
                                    value, error);
        PB_TRY(note(added, id, PB_TOKENIZER_CONFIG, json_incref(value), error));
    }
    return PB_OK;
}

/* added_tokens.json: {"<token>": 49408, …}. */
static pb_status read_numbers(json_t *added, const pb_source *s, const json_t *object,
                              pb_error *error)
{
    const char *token;
    json_t *id;

    json_object_foreach((json_t *)object, token, id)
    {
        bool special = pb_parts_has(s, token);
        json_t *value;
        if (!json_is_integer(id))
            return pb_source_refuse(s, PB_TOKENS_ADDED, pb_quote(token).text, "a number", id,
                                    error);
        value = json_pack("{s:s, s:b, s:b}", "content", token, "normalized", !special, "special",
                          special);
        if (!value)
            return pb_fail_memory(error, strlen(token), "a token");
        PB_TRY(note(added, json_integer_value(id), PB_TOKENS_ADDED, value, error));
    }
    return PB_OK;
}

/* "added_tokens" of tokenizer.json: [{"id": 49408, "content": …}, …]. */
static pb_status read_fast_added(json_t *added, const pb_source *s, pb_error *error)
{
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(s->fast, "added_tokens"), i, item)
    {
        const json_t *id = json_object_get(item, "id");
        if (!json_is_integer(id))
            return pb_source_refuse(s, PB_TOKENIZER, "added_tokens: id", "a number", id, error);
        PB_TRY(note(added, json_integer_value(id), PB_TOKENIZER, json_incref(item), error));
    }
    return PB_OK;
}

typedef struct numbered {
    long long id;
    const json_t *value; /* [FILE, token] */
} numbered;

static int by_number(const void *a, const void *b)
{
    long long x = ((const numbered *)a)->id, y = ((const numbered *)b)->id;

    return (x > y) - (x < y);
}

/* Puts the added tokens into the settings' list, in the order of their numbers. */
static pb_status add_in_order(pb_settings *settings, const json_t *added, const pb_source *s,
                              pb_error *error)
{
    size_t count = json_object_size(added), i = 0;
    numbered *list = pb_calloc(count + 1, sizeof *list);
    pb_status status = PB_OK;
    const char *key;
    json_t *value;

    if (!list)
        return pb_fail_memory(error, (count + 1) * sizeof *list, "tokens");
    json_object_foreach((json_t *)added, key, value)
    {
        list[i++] = (numbered){strtoll(key, NULL, 10), value};
    }
    qsort(list, count, sizeof *list, by_number);
    for (i = 0; status == PB_OK && i < count; i++) {
        const char *file = json_string_value(json_array_get(list[i].value, 0));
        const json_t *token = json_array_get(list[i].value, 1);
        const char *content = pb_source_content(token);
        bool special;
        status = pb_source_flag(&special, s, token, "special", false, file, error);
        if (content && json_object_get(s->named, content))
            special = true;
        if (status == PB_OK)
            status = pb_source_add(settings->tokens, s, token, special, false, file,
                                   "an added token", error);
    }
    pb_free(list);
    return status;
}

/* The files of before there was an added_tokens_decoder. */
static pb_status read_files(json_t *added, const pb_source *s, pb_error *error)
{
    json_t *map = NULL;
    pb_status status;

    PB_TRY(pb_vocabulary_json(&map, s->folder, PB_TOKENS_ADDED, error));
    status = read_numbers(added, s, map, error);
    json_decref(map);
    return status == PB_OK ? read_fast_added(added, s, error) : status;
}

pb_status pb_added_read(pb_settings *settings, const pb_source *s, const json_t *decoder,
                        pb_error *error)
{
    json_t *added = json_object();
    pb_status status = PB_OK;

    if (!added)
        return pb_fail_memory(error, 1, "tokens");
    status = decoder ? read_decoder(added, s, decoder, error) : read_files(added, s, error);
    if (status == PB_OK)
        status = add_in_order(settings, added, s, error);
    json_decref(added);
    return status;
}
