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

/* "a b" without its space, the caller's, or NULL: 49,000 of them make a vocabulary of CLIP's. */
static char *join(const char *pair, size_t first)
{
    size_t size = strlen(pair);
    char *joined = pb_malloc(size, 1);

    if (joined) {
        memcpy(joined, pair, first);
        memcpy(joined + first, pair + first + 1, size - first);
    }
    return joined;
}

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
    merged = join(pair, (size_t)(space - pair));
    if (!merged)
        return pb_fail_memory(error, strlen(pair), path);
    known = json_object_get(v->ids, merged) != NULL;
    pb_free(merged);
    if (!known)
        return pb_fail(error, PB_FORMAT, "%s: line %zu: %s: not in vocabulary when merged", path,
                       where, pb_quote(pair).text);
    if (!json_object_getn(v->ids, pair, (size_t)(space - pair)) ||
        !json_object_get(v->ids, space + 1))
        return pb_fail(error, PB_FORMAT, "%s: line %zu: %s: not in vocabulary", path, where,
                       pb_quote(pair).text);
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

/* The number that a token gets which the vocabulary lacks. */
static size_t next_id(const pb_vocabulary *v)
{
    size_t next = json_object_size(v->ids);

    for (size_t i = 0; i < v->count; i++)
        if (v->specials[i].id >= next)
            next = v->specials[i].id + 1;
    return next;
}

/* TOKEN_1, TOKEN_2, … among the settings' tokens. */
static pb_status count_vectors(size_t *count, const pb_settings *settings, const char *token,
                               pb_error *error)
{
    bool there = true;

    for (*count = 0; there;) {
        char *vector = pb_sprintf("%s_%zu", token, *count + 1);
        if (!vector)
            return pb_fail_memory(error, strlen(token) + 8, "a token");
        there = json_object_get(settings->tokens, vector) != NULL;
        *count += there;
        pb_free(vector);
    }
    return PB_OK;
}

static pb_status add_special(pb_vocabulary *v, const pb_settings *settings, const char *token,
                             const json_t *flags, const char *folder, pb_error *error)
{
    pb_special *s = &v->specials[v->count];
    const json_t *known = json_object_get(v->ids, token);
    size_t id = known ? (size_t)json_integer_value(known) : next_id(v);

    s->token = pb_strdup(token);
    if (!s->token)
        return pb_fail_memory(error, strlen(token), "a token");
    v->count++;
    s->id = (uint32_t)id;
    s->normalised = json_is_true(json_object_get(flags, "normalized"));
    s->left = json_is_true(json_object_get(flags, "lstrip"));
    s->right = json_is_true(json_object_get(flags, "rstrip"));
    if (s->normalised)
        PB_TRY(pb_text_normalise(&s->text, token, strlen(token), error));
    else if (!(s->text = pb_strdup(token)))
        return pb_fail_memory(error, strlen(token), "a token");
    PB_TRY(count_vectors(&s->vectors, settings, token, error));
    for (int i = 0; i < PB_NAMED; i++)
        if (settings->named[i] && !strcmp(settings->named[i], token))
            v->named[i] = s->id;
    return known ? PB_OK : put_piece(v, id, s->token, folder, error);
}

static pb_status take_settings(pb_vocabulary *v, const pb_settings *settings, const char *folder,
                               pb_error *error)
{
    const char *token, *unknown = settings->named[PB_UNKNOWN];
    json_t *list;

    v->specials = pb_calloc(json_object_size(settings->tokens), sizeof *v->specials);
    if (!v->specials)
        return pb_fail_memory(error, json_object_size(settings->tokens), "special tokens");
    json_object_foreach(settings->tokens, token, list)
    {
        const json_t *flags = json_array_get(list, json_array_size(list) - 1);
        PB_TRY(add_special(v, settings, token, flags, folder, error));
    }
    v->length = settings->length;
    v->unknown = unknown && json_object_get(v->ids, unknown);
    return PB_OK;
}

/* -- the folder ------------------------------------------------------------------------------ */

pb_status pb_vocabulary_json(json_t **root, const char *folder, const char *name, pb_error *error)
{
    char *path = pb_sprintf("%s/%s", folder, name);
    pb_status status = PB_OK;

    *root = NULL;
    if (!path)
        return pb_fail_memory(error, strlen(folder), "a path");
    if (access(path, F_OK) == 0)
        status = pb_json_read(root, path, MAX_FILE, PB_JSON_INFINITY | PB_JSON_LARGE, error);
    pb_free(path);
    return status;
}

/* vocab.json and merges.txt. */
static pb_status read_slow(pb_vocabulary *v, const char *folder, pb_error *error)
{
    char *vocabulary = pb_sprintf("%s/vocab.json", folder);
    char *merges = pb_sprintf("%s/merges.txt", folder);
    pb_status status = vocabulary && merges
                           ? pb_vocabulary_json(&v->ids, folder, "vocab.json", error)
                           : pb_fail_memory(error, strlen(folder), "a path");

    if (status == PB_OK && !v->ids)
        status = pb_fail(error, PB_IO,
                         "%s: no tokenizer: expected vocab.json and merges.txt, or tokenizer.json",
                         folder);
    if (status == PB_OK)
        status = index_ids(v, vocabulary, error);
    if (status == PB_OK)
        status = read_merges(v, merges, error);
    pb_free(vocabulary);
    pb_free(merges);
    return status;
}

static pb_status read_tokens(pb_vocabulary *v, const json_t *fast, const char *folder,
                             pb_error *error)
{
    char *path;
    pb_status status;

    if (!fast)
        return read_slow(v, folder, error);
    path = pb_sprintf("%s/tokenizer.json", folder);
    if (!path)
        return pb_fail_memory(error, strlen(folder), "a path");
    status = read_fast(v, fast, path, error);
    pb_free(path);
    return status;
}

pb_status pb_vocabulary_read(pb_vocabulary *v, const char *folder, pb_error *error)
{
    pb_settings settings = {0};
    json_t *fast = NULL;
    pb_status status;

    v->ranks = json_object();
    if (!v->ranks)
        return pb_fail_memory(error, 1, "a tokenizer");
    status = pb_vocabulary_json(&fast, folder, "tokenizer.json", error);
    if (status == PB_OK)
        status = read_tokens(v, fast, folder, error);
    if (status == PB_OK)
        status = pb_settings_read(&settings, folder, fast, error);
    if (status == PB_OK)
        status = take_settings(v, &settings, folder, error);
    pb_settings_clear(&settings);
    json_decref(fast);
    return status;
}
