#include <string.h>

#include "base/memory.h"
#include "text/source.h"

/* transformers' SPECIAL_TOKENS_ATTRIBUTES, in its order. */
static const struct {
    const char *key, *fallback; /* CLIPTokenizer's; NULL: none */
    int part;                   /* or PB_NAMED */
} parts[] = {
    {"bos_token", "<|startoftext|>", PB_BEGIN},
    {"eos_token", "<|endoftext|>", PB_END},
    {"unk_token", "<|endoftext|>", PB_UNKNOWN},
    {"sep_token", NULL, PB_NAMED},
    {"pad_token", "<|endoftext|>", PB_PAD},
    {"cls_token", NULL, PB_NAMED},
    {"mask_token", NULL, PB_NAMED},
};

#define PARTS (sizeof parts / sizeof *parts)

static pb_status read_known(pb_settings *settings, const pb_source *s, pb_error *error)
{
    for (size_t i = 0; i < PARTS; i++) {
        const char *file, *key = parts[i].key;
        const json_t *value = pb_source_field(s, key, &file);
        json_t *fallback = NULL;
        pb_status status;

        if (json_is_null(value) && (parts[i].part == PB_NAMED || parts[i].part == PB_UNKNOWN))
            continue;
        if (!value && !parts[i].fallback)
            continue;
        if (!value)
            value = fallback = json_string(parts[i].fallback);
        if (!value)
            return pb_fail_memory(error, strlen(parts[i].fallback), "a token");
        status = pb_source_add(s->named, s, value, true, true, file, key, error);
        if (status == PB_OK && parts[i].part != PB_NAMED)
            settings->named[parts[i].part] =
                fallback ? parts[i].fallback : pb_source_content(value);
        json_decref(fallback);
        PB_TRY(status);
    }
    return PB_OK;
}

/* "image_token" and its like: parts that only some models know. */
static bool is_other_part(const char *key)
{
    size_t length = strlen(key);

    for (size_t i = 0; i < PARTS; i++)
        if (!strcmp(key, parts[i].key))
            return false;
    return length > 6 && !strcmp(key + length - 6, "_token");
}

enum { STRINGS = 1, OBJECTS = 2 };

/* Puts the other parts of a file into `others`: those that are of these kinds. */
static pb_status take_others(json_t *others, const pb_source *s, const json_t *root, int kinds,
                             const char *file, pb_error *error)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)root, key, value)
    {
        bool object = json_is_object(value) && (root == s->map || json_object_get(value, "__type"));
        if (!is_other_part(key) ||
            !((json_is_string(value) && kinds & STRINGS) || (object && kinds & OBJECTS)))
            continue;
        if (!pb_source_content(value))
            return pb_source_refuse(s, file, key, "a token", value, error);
        if (json_object_set(others, key, value))
            return pb_fail_memory(error, strlen(key), "a token");
    }
    return PB_OK;
}

/* Tokens by the names of their parts, whatever these are. */
static pb_status take_named(json_t *others, const pb_source *s, const json_t *object,
                            const char *file, pb_error *error)
{
    const char *key;
    json_t *value;

    if (!json_is_object(object))
        return PB_OK;
    json_object_foreach((json_t *)object, key, value)
    {
        if (!pb_source_content(value))
            return pb_source_refuse(s, file, key, "a token", value, error);
    }
    if (json_object_update(others, (json_t *)object))
        return pb_fail_memory(error, json_object_size(object), "tokens");
    return PB_OK;
}

/* transformers sets the strings of tokenizer_config.json aside, and they have the last word; the
 * order is that of its dictionaries. */
static pb_status read_others(const pb_source *s, pb_error *error)
{
    json_t *others = json_object(), *value;
    const json_t *extra = json_object_get(s->map, "extra_special_tokens");
    pb_status status;
    const char *key;

    if (!others)
        return pb_fail_memory(error, 1, "tokens");
    /* Strings of tokenizer_config.json are set aside first, and so have the last word. */
    status = take_others(others, s, s->config, OBJECTS, PB_TOKENIZER_CONFIG, error);
    if (status == PB_OK)
        status = take_others(others, s, s->map, STRINGS | OBJECTS, PB_TOKENS_MAP, error);
    if (status == PB_OK)
        status = take_others(others, s, s->config, STRINGS, PB_TOKENIZER_CONFIG, error);
    if (status == PB_OK)
        status = take_named(others, s, pb_source_extra(s, &key), PB_TOKENIZER_CONFIG, error);
    if (status == PB_OK)
        status = take_named(others, s, extra, PB_TOKENS_MAP, error);
    json_object_foreach(others, key, value)
    {
        if (status == PB_OK)
            status = pb_source_add(s->named, s, value, true, true, PB_TOKENIZER_CONFIG, key, error);
    }
    json_decref(others);
    return status;
}

pb_status pb_parts_read(pb_settings *settings, const pb_source *s, pb_error *error)
{
    PB_TRY(read_known(settings, s, error));
    return read_others(s, error);
}

bool pb_parts_has(const pb_source *s, const char *token)
{
    const char *file, *content, *key;
    const json_t *lists[] = {pb_source_extra(s, &key),
                             json_object_get(s->map, "extra_special_tokens")};
    json_t *item;
    size_t k;

    for (size_t i = 0; i < PARTS; i++) {
        const json_t *value = pb_source_field(s, parts[i].key, &file);
        content =
            !strcmp(file, PB_TOKENS_MAP) ? pb_source_content(value) : json_string_value(value);
        if (content && !strcmp(content, token))
            return true;
    }
    for (size_t i = 0; i < 2; i++)
        json_array_foreach(lists[i], k, item)
        {
            content = i ? pb_source_content(item) : json_string_value(item);
            if (content && !strcmp(content, token))
                return true;
        }
    return false;
}

/* -- lists of special tokens ----------------------------------------------------------------- */

static pb_status add_list(const pb_source *s, const json_t *list, const char *file, const char *key,
                          pb_error *error)
{
    json_t *item;
    size_t i;

    if (!list || json_is_null(list) || json_is_object(list))
        return PB_OK; /* an object names parts */
    if (!json_is_array(list))
        return pb_source_refuse(s, file, key, "a list of tokens", list, error);
    json_array_foreach(list, i, item)
    {
        bool special = json_is_string(item) || !strcmp(file, PB_TOKENS_MAP) ||
                       json_is_true(json_object_get(item, "special"));
        PB_TRY(pb_source_add(s->named, s, item, special, true, file, key, error));
    }
    return PB_OK;
}

/* A list of special_tokens_map.json goes on where that of tokenizer_config.json ends. */
pb_status pb_lists_read(const pb_source *s, pb_error *error)
{
    const char *const extra = "extra_special_tokens", *const old = "additional_special_tokens",
                      *key;
    const json_t *own = pb_source_extra(s, &key), *map = json_object_get(s->map, extra);

    if (!own && !map)
        return add_list(s, json_object_get(s->map, old), PB_TOKENS_MAP, old, error);
    if (!map || json_is_array(map) || json_is_object(map))
        PB_TRY(add_list(s, own, PB_TOKENIZER_CONFIG, key, error));
    return add_list(s, map, PB_TOKENS_MAP, extra, error);
}
