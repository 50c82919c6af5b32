#include "text/vocabulary.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/json.h"
#include "text/words.h"

#define MAX_TOKENS 10000000
#define MAX_FILE ((size_t)64 << 20)
#define MAX_SPECIALS 4096

void pb_vocabulary_clear(pb_vocabulary *v)
{
    json_decref(v->ids);
    json_decref(v->ranks);
    pb_free(v->pieces);
    for (size_t i = 0; i < v->count; i++) {
        pb_free(v->specials[i].token);
        pb_free(v->specials[i].text);
    }
    pb_free(v->specials);
    *v = (pb_vocabulary){0};
}

/* -- tokens ---------------------------------------------------------------------------------- */

static pb_status check_id(const json_t *id, const char *path, const char *token, pb_error *error)
{
    if (json_is_integer(id) && json_integer_value(id) >= 0 && json_integer_value(id) < MAX_TOKENS)
        return PB_OK;
    return pb_fail(error, PB_FORMAT, "%s: %s: expected a number from 0 to %d, found %s", path,
                   pb_quote(token).text, MAX_TOKENS - 1, pb_json_found(id).text);
}

/* Room for pieces up to an id. */
static pb_status grow(pb_vocabulary *v, size_t size, pb_error *error)
{
    const char **pieces;

    if (size <= v->size)
        return PB_OK;
    pieces = pb_calloc(size, sizeof *pieces);
    if (!pieces)
        return pb_fail_memory(error, size * sizeof *pieces, "a vocabulary");
    if (v->size)
        memcpy(pieces, v->pieces, v->size * sizeof *pieces);
    pb_free(v->pieces);
    v->pieces = pieces;
    v->size = size;
    return PB_OK;
}

static pb_status put_piece(pb_vocabulary *v, size_t id, const char *token, const char *path,
                           pb_error *error)
{
    PB_TRY(grow(v, id + 1, error));
    if (v->pieces[id] && strcmp(v->pieces[id], token))
        return pb_fail(error, PB_FORMAT, "%s: \"%s\" and %s have the same number %zu", path,
                       v->pieces[id], pb_quote(token).text, id);
    v->pieces[id] = token;
    return PB_OK;
}

/* v->ids is there: the pieces. */
static pb_status index_ids(pb_vocabulary *v, const char *path, pb_error *error)
{
    size_t size = 0;
    const char *token;
    json_t *id;

    json_object_foreach(v->ids, token, id)
    {
        PB_TRY(check_id(id, path, token, error));
        if ((size_t)json_integer_value(id) >= size)
            size = (size_t)json_integer_value(id) + 1;
    }
    PB_TRY(grow(v, size, error));
    json_object_foreach(v->ids, token, id)
    {
        PB_TRY(put_piece(v, (size_t)json_integer_value(id), token, path, error));
    }
    return PB_OK;
}

/* -- merges ---------------------------------------------------------------------------------- */

/* "a b"; where: the line or item, for messages. */
static pb_status add_merge(pb_vocabulary *v, const char *path, size_t where, const char *pair,
                           pb_error *error)
{
    const char *space = strchr(pair, ' ');
    char *merged;
    bool known;

    if (!space || space == pair || !space[1] || strchr(space + 1, ' '))
        return pb_fail(error, PB_FORMAT, "%s: line %zu: expected two tokens, found %s", path, where,
                       pb_quote(pair).text);
    merged = pb_sprintf("%.*s%s", (int)(space - pair), pair, space + 1);
    if (!merged)
        return pb_fail_memory(error, strlen(pair), path);
    known = json_object_get(v->ids, merged) != NULL;
    pb_free(merged);
    if (!known)
        return pb_fail(error, PB_FORMAT, "%s: line %zu: %s: not in vocabulary when merged", path,
                       where, pb_quote(pair).text);
    if (json_object_set_new(v->ranks, pair, json_integer((json_int_t)where)))
        return pb_fail(error, PB_FORMAT, "%s: line %zu: not UTF-8", path, where);
    return PB_OK;
}

/* A whole file as a string. */
static pb_status read_text(pb_bytes *text, const char *path, pb_error *error)
{
    PB_TRY(pb_file_read(text, path, MAX_FILE, error));
    if (strlen((const char *)text->data) == text->size)
        return PB_OK;
    pb_bytes_clear(text);
    return pb_fail(error, PB_FORMAT, "%s: not a text: it has NUL bytes", path);
}

static pb_status read_merges(pb_vocabulary *v, const char *path, pb_error *error)
{
    pb_status status = PB_OK;
    char *line, *end;
    size_t number = 1;
    pb_bytes text;

    PB_TRY(read_text(&text, path, error));
    for (line = (char *)text.data; status == PB_OK && *line; line = end, number++) {
        size_t length = strcspn(line, "\n");
        end = line + length + (line[length] == '\n');
        line[length] = '\0';
        if (length && line[length - 1] == '\r')
            line[length - 1] = '\0';
        if (*line && strncmp(line, "#version", 8))
            status = add_merge(v, path, number, line, error);
    }
    pb_bytes_clear(&text);
    return status;
}

/* -- tokenizer.json -------------------------------------------------------------------------- */

/* The merges of tokenizer.json: "a b" or ["a", "b"]. */
static pb_status read_merge_list(pb_vocabulary *v, const json_t *list, const char *path,
                                 pb_error *error)
{
    pb_status status = PB_OK;
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        const char *a = json_string_value(json_array_get(item, 0));
        const char *b = json_string_value(json_array_get(item, 1));
        const char *text = json_string_value(item);
        char *pair = text ? pb_strdup(text) : a && b ? pb_sprintf("%s %s", a, b) : NULL;
        if (!pair && (text || (a && b)))
            return pb_fail_memory(error, 1, path);
        if (!pair)
            return pb_fail(error, PB_FORMAT, "%s: merges: item %zu: expected two tokens, found %s",
                           path, i, pb_json_found(item).text);
        status = add_merge(v, path, i + 1, pair, error);
        pb_free(pair);
        PB_TRY(status);
    }
    return status;
}

static pb_status read_fast(pb_vocabulary *v, const json_t *root, const char *path, pb_error *error)
{
    const json_t *model = json_object_get(root, "model");
    const char *suffix = json_string_value(json_object_get(model, "end_of_word_suffix"));
    json_t *vocabulary = json_object_get(model, "vocab");

    if (!json_is_object(vocabulary) || !json_is_array(json_object_get(model, "merges")))
        return pb_fail(error, PB_FORMAT,
                       "%s: model: expected the vocab and merges of byte-pair encoding", path);
    if (!suffix || strcmp(suffix, "</w>"))
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: not a tokenizer of CLIP's kind, whose words end in \"</w>\"", path);
    v->ids = json_incref(vocabulary);
    PB_TRY(index_ids(v, path, error));
    return read_merge_list(v, json_object_get(model, "merges"), path, error);
}

/* -- special tokens -------------------------------------------------------------------------- */

/* The special token of that text, or a new one. */
static pb_status special_of(pb_special **out, pb_vocabulary *v, const char *token, pb_error *error)
{
    for (size_t i = PB_NAMED; i < v->count; i++)
        if (!strcmp(v->specials[i].token, token)) {
            *out = &v->specials[i];
            return PB_OK;
        }
    if (v->count == MAX_SPECIALS)
        return pb_fail(error, PB_FORMAT, "more than %d special or added tokens", MAX_SPECIALS);
    *out = &v->specials[v->count];
    (*out)->token = pb_strdup(token);
    if (!(*out)->token)
        return pb_fail_memory(error, strlen(token), "a token");
    v->count++;
    return PB_OK;
}

/* A token, as a string or as an object whose "content" it is; what: for messages. */
static pb_status token_text(const char **text, const json_t *value, const char *path,
                            const char *what, pb_error *error)
{
    *text = json_string_value(json_is_object(value) ? json_object_get(value, "content") : value);
    if (!*text || !**text)
        return pb_fail(error, PB_FORMAT, "%s: %s: expected a token, found %s", path, what,
                       pb_json_found(value).text);
    if (json_is_true(json_object_get(value, "single_word")))
        return pb_fail(error, PB_UNSUPPORTED, "%s: %s: single_word is not supported", path,
                       pb_quote(*text).text);
    return PB_OK;
}

/* A token that was added, with its number (NULL: that of the vocabulary). */
static pb_status add_token(pb_vocabulary *v, const json_t *value, const json_t *id, bool normalised,
                           const char *path, const char *what, pb_error *error)
{
    const json_t *known, *says = json_object_get(value, "normalized");
    const char *text;
    pb_special *s = NULL;

    PB_TRY(token_text(&text, value, path, what, error));
    known = json_object_get(v->ids, text);
    PB_TRY(special_of(&s, v, text, error));
    s->normalised = says ? json_is_true(says) : normalised;
    if (known)
        id = known;
    if (!id)
        return s->id ? PB_OK
                     : pb_fail(error, PB_FORMAT, "%s: %s: %s is not in the vocabulary", path, what,
                               pb_quote(text).text);
    PB_TRY(check_id(id, path, text, error));
    s->id = (uint32_t)json_integer_value(id);
    return put_piece(v, s->id, known ? v->pieces[s->id] : s->token, path, error);
}

/* "added_tokens_decoder" of tokenizer_config.json: {"49408": {"content": …}, …}. */
static pb_status read_decoder(pb_vocabulary *v, const json_t *decoder, const char *path,
                              pb_error *error)
{
    pb_status status = PB_OK;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)decoder, key, value)
    {
        char *end;
        json_t *id = json_integer(strtoll(key, &end, 10));
        if (!id)
            return pb_fail_memory(error, 1, path);
        if (end == key || *end)
            status =
                pb_fail(error, PB_FORMAT, "%s: added_tokens_decoder: expected a number, found %s",
                        path, pb_quote(key).text);
        else
            status = add_token(v, value, id, !json_is_true(json_object_get(value, "special")), path,
                               "added_tokens_decoder", error);
        json_decref(id);
        PB_TRY(status);
    }
    return status;
}

/* A list of special tokens that the vocabulary or an added token has. */
static pb_status read_more(pb_vocabulary *v, const json_t *object, const char *key,
                           const char *path, pb_error *error)
{
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(object, key), i, item)
    {
        PB_TRY(add_token(v, item, NULL, false, path, key, error));
    }
    return PB_OK;
}

/* tokenizer_config.json and special_tokens_map.json: which tokens begin and end a text, stand for
 * what is unknown, and pad. */
static pb_status read_named(pb_vocabulary *v, const json_t *object, const char *path,
                            pb_error *error)
{
    static const char *const keys[PB_NAMED] = {"bos_token", "eos_token", "unk_token", "pad_token"};
    const json_t *length = json_object_get(object, "model_max_length");

    for (size_t i = 0; i < PB_NAMED; i++) {
        const json_t *value = json_object_get(object, keys[i]);
        const char *text;
        if (!value || json_is_null(value))
            continue;
        PB_TRY(token_text(&text, value, path, keys[i], error));
        pb_free(v->specials[i].token);
        v->specials[i].token = pb_strdup(text);
        v->specials[i].normalised = json_is_true(json_object_get(value, "normalized"));
        if (!v->specials[i].token)
            return pb_fail_memory(error, strlen(text), path);
    }
    if (json_is_integer(length) && json_integer_value(length) >= 2)
        v->length = (size_t)json_integer_value(length);
    PB_TRY(read_decoder(v, json_object_get(object, "added_tokens_decoder"), path, error));
    PB_TRY(read_more(v, object, "additional_special_tokens", path, error));
    return read_more(v, object, "extra_special_tokens", path, error);
}

/* added_tokens.json: {"<token>": 49408, …}. */
static pb_status read_added(pb_vocabulary *v, const json_t *object, const char *path,
                            pb_error *error)
{
    const char *token;
    json_t *id;

    json_object_foreach((json_t *)object, token, id)
    {
        json_t *text = json_string(token);
        pb_status status = text ? add_token(v, text, id, true, path, "a token", error)
                                : pb_fail_memory(error, 1, path);
        json_decref(text);
        PB_TRY(status);
    }
    return PB_OK;
}

/* "added_tokens" of tokenizer.json: [{"id": 49408, "content": …}, …]. */
static pb_status read_fast_added(pb_vocabulary *v, const json_t *root, const char *path,
                                 pb_error *error)
{
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(root, "added_tokens"), i, item)
    {
        PB_TRY(add_token(v, item, json_object_get(item, "id"), false, path, "added_tokens", error));
    }
    return PB_OK;
}

/* The defaults, the numbers, how a token is looked for; of equal tokens the last one decides. */
static pb_status settle(pb_vocabulary *v, const char *folder, pb_error *error)
{
    for (size_t i = 0; i < v->count; i++) {
        pb_special *s = &v->specials[i];
        if (!s->token)
            s->token = pb_strdup(i == PB_BEGIN ? "<|startoftext|>" : "<|endoftext|>");
        if (!s->token)
            return pb_fail_memory(error, 16, "a token");
        for (size_t k = 0; k < i; k++)
            if (!strcmp(v->specials[k].token, s->token))
                v->specials[k].normalised = s->normalised;
    }
    for (size_t i = 0; i < v->count; i++) {
        pb_special *s = &v->specials[i];
        size_t id = 0;
        while (i < PB_NAMED && id < v->size && (!v->pieces[id] || strcmp(v->pieces[id], s->token)))
            id++;
        if (i < PB_NAMED && id == v->size)
            return pb_fail(error, PB_FORMAT, "%s/vocab.json: the special token %s is missing",
                           folder, pb_quote(s->token).text);
        if (i < PB_NAMED)
            s->id = (uint32_t)id;
        if (!s->normalised)
            s->text = pb_strdup(s->token);
        else if (pb_text_normalise(&s->text, s->token, strlen(s->token), error) != PB_OK)
            s->text = NULL;
        if (!s->text)
            return pb_fail_memory(error, strlen(s->token), "a token");
    }
    return PB_OK;
}

/* -- the folder ------------------------------------------------------------------------------ */

typedef pb_status reader(pb_vocabulary *v, const json_t *root, const char *path, pb_error *error);

/* Has a JSON file of the folder read, where it is there. */
static pb_status with_json(pb_vocabulary *v, const char *folder, const char *name, reader *read,
                           pb_error *error)
{
    char *path = pb_sprintf("%s/%s", folder, name);
    json_t *root = NULL;
    pb_status status = PB_OK;

    if (!path)
        return pb_fail_memory(error, strlen(folder), "a path");
    if (access(path, F_OK) == 0) {
        status = pb_json_read(&root, path, MAX_FILE, PB_JSON_INFINITY | PB_JSON_LARGE, error);
        if (status == PB_OK)
            status = read(v, root, path, error);
        json_decref(root);
    }
    pb_free(path);
    return status;
}

static pb_status take_ids(pb_vocabulary *v, const json_t *root, const char *path, pb_error *error)
{
    v->ids = json_incref((json_t *)root);
    return index_ids(v, path, error);
}

static pb_status read_tokens(pb_vocabulary *v, const char *folder, pb_error *error)
{
    char *merges = pb_sprintf("%s/merges.txt", folder);
    pb_status status;

    if (!merges)
        return pb_fail_memory(error, strlen(folder), "a path");
    status = with_json(v, folder, "vocab.json", take_ids, error);
    if (status == PB_OK && v->ids)
        status = read_merges(v, merges, error);
    else if (status == PB_OK)
        status = with_json(v, folder, "tokenizer.json", read_fast, error);
    pb_free(merges);
    if (status == PB_OK && !v->ids)
        status = pb_fail(error, PB_IO,
                         "%s: no tokenizer: expected vocab.json and merges.txt, or tokenizer.json",
                         folder);
    return status;
}

pb_status pb_vocabulary_read(pb_vocabulary *v, const char *folder, pb_error *error)
{
    v->length = SIZE_MAX;
    v->ranks = json_object();
    v->specials = pb_calloc(MAX_SPECIALS, sizeof *v->specials);
    if (!v->ranks || !v->specials)
        return pb_fail_memory(error, MAX_SPECIALS * sizeof *v->specials, "a tokenizer");
    v->count = PB_NAMED;
    PB_TRY(read_tokens(v, folder, error));
    PB_TRY(with_json(v, folder, "added_tokens.json", read_added, error));
    PB_TRY(with_json(v, folder, "tokenizer.json", read_fast_added, error));
    PB_TRY(with_json(v, folder, "tokenizer_config.json", read_named, error));
    PB_TRY(with_json(v, folder, "special_tokens_map.json", read_named, error));
    return settle(v, folder, error);
}
