#include "io/weights.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/ending.h"
#include "base/memory.h"
#include "io/json.h"
#include "io/mistaken.h"
#include "io/torch.h"
#include "io/weights_inside.h"

/* The largest index of a sharded set. */
#define INDEX_MOST 100000000

/* -- one file ---------------------------------------------------------------------------- */

/* Which format it is, by its first bytes. */
static pb_status find_reader(pb_shard *s, pb_error *error)
{
    unsigned char first[PB_TORCH_FIRST] = {0};
    const size_t size = s->file.size < sizeof first ? s->file.size : sizeof first;
    const char *other;

    PB_TRY(pb_file_read_at(&s->file, 0, first, size, error));
    s->reader = &pb_safetensors_reader;
    if (first[8] == '{') /* its length may begin like anything */
        return PB_OK;
    other = pb_mistaken(first, size);
    if (other)
        return pb_fail(error, PB_FORMAT, "%s: expected tensors, found %s", s->path, other);
    other = pb_torch_other(first, size);
    if (other)
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: %s, which is not read: torch.load it in Python, and torch.save it "
                       "again (or save_file of safetensors.torch)",
                       s->path, other);
    if (pb_torch_knows(first, size))
        s->reader = &pb_torch_reader;
    return PB_OK;
}

/* Opens a file. On failure the caller closes it all the same. */
static pb_status open_shard(pb_shard *s, const char *path, pb_error *error)
{
    s->path = pb_strdup(path);
    if (!s->path)
        return pb_fail_memory(error, strlen(path), path);
    PB_TRY(pb_file_open(&s->file, s->path, error));
    PB_TRY(find_reader(s, error));
    return s->reader->open(s, error);
}

static void close_shard(pb_shard *s)
{
    if (s->reader)
        s->reader->close(s);
    pb_file_close(&s->file);
    pb_free(s->path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const pb_stored *)a)->name, ((const pb_stored *)b)->name);
}

/* -- a set of files ------------------------------------------------------------------------ */

static pb_status new_shards(pb_weights *weights, size_t count, pb_error *error)
{
    weights->shards = pb_calloc(count, sizeof *weights->shards);
    if (!weights->shards)
        return pb_fail_memory(error, count * sizeof *weights->shards, "a list of files");
    weights->shard_count = count;
    return PB_OK;
}

static int by_string(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A file name in the index's own folder, and nothing else? */
static bool is_plain_name(const char *name)
{
    return name[0] && !strchr(name, '/') && !strchr(name, '\\') && strcmp(name, ".") &&
           strcmp(name, "..");
}

/* Opens the distinct files of an index. names: room for as many strings as it has tensors. */
static pb_status open_shards(pb_weights *weights, const char *path, json_t *map, const char **names,
                             pb_error *error)
{
    const char *slash = strrchr(path, '/'), *key;
    size_t n = 0, distinct = 0;
    json_t *value;

    json_object_foreach(map, key, value)
    {
        const char *name = json_string_value(value);
        if (!name || !is_plain_name(name))
            return pb_fail(error, PB_FORMAT,
                           "%s: weight_map: %s: expected the name of a file in the same folder, "
                           "found %s",
                           path, pb_quote(key).text, pb_json_found(value).text);
        names[n++] = name;
    }
    qsort(names, n, sizeof *names, by_string);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]))
            names[distinct++] = names[i];
    PB_TRY(new_shards(weights, distinct, error));
    for (size_t i = 0; i < distinct; i++) {
        char *file = pb_sprintf("%.*s%s", slash ? (int)(slash + 1 - path) : 0, path, names[i]);
        pb_status status;

        if (!file)
            return pb_fail_memory(error, strlen(path) + strlen(names[i]), "a path");
        status = open_shard(&weights->shards[i], file, error);
        pb_free(file);
        if (status)
            return status;
    }
    return PB_OK;
}

pb_status pb_weights_sort(pb_weights *weights, pb_error *error)
{
    qsort(weights->tensors, weights->count, sizeof *weights->tensors, by_name);
    for (size_t i = 1; i < weights->count; i++) {
        const pb_stored *t = &weights->tensors[i];
        if (!strcmp(t->name, t[-1].name))
            return pb_fail(error, PB_FORMAT, "%s: tensor %s: lies also in %s", t->file,
                           pb_quote(t->name).text, t[-1].file);
    }
    return PB_OK;
}

/* Reads the tensors of all files and sorts them by name. */
static pb_status gather(pb_weights *weights, pb_error *error)
{
    size_t count = 0;

    for (size_t i = 0; i < weights->shard_count; i++)
        count += weights->shards[i].count;
    weights->tensors = pb_calloc(count, sizeof *weights->tensors);
    if (!weights->tensors)
        return pb_fail_memory(error, count * sizeof *weights->tensors, "a list of tensors");
    for (size_t i = 0; i < weights->shard_count; i++) {
        const pb_shard *s = &weights->shards[i];
        PB_TRY(s->reader->fill(s, weights->tensors + weights->count, error));
        weights->count += weights->shards[i].count;
    }
    return pb_weights_sort(weights, error);
}

/* Every tensor of the index lies in the file the index says, and no file holds others. */
static pb_status check_index(const pb_weights *weights, const char *path, json_t *map,
                             pb_error *error)
{
    const char *name;
    json_t *value;

    json_object_foreach(map, name, value)
    {
        const pb_stored *t = pb_weights_find(weights, name);
        const char *file = json_string_value(value), *slash;

        if (!t)
            return pb_fail(error, PB_FORMAT, "%s: tensor %s: expected in %s, found nowhere", path,
                           pb_quote(name).text, pb_quote(file).text);
        slash = strrchr(t->file, '/');
        if (strcmp(slash ? slash + 1 : t->file, file))
            return pb_fail(error, PB_FORMAT, "%s: tensor %s: expected in %s, found in %s", path,
                           pb_quote(name).text, pb_quote(file).text, t->file);
    }
    for (size_t i = 0; i < weights->count; i++) {
        const pb_stored *t = &weights->tensors[i];
        if (!json_object_get(map, t->name))
            return pb_fail(error, PB_FORMAT,
                           "%s: tensor %s: expected in the index %s, found only "
                           "in the file",
                           t->file, pb_quote(t->name).text, path);
    }
    return PB_OK;
}

static pb_status open_index(pb_weights *weights, const char *path, pb_error *error)
{
    const char **names = NULL;
    json_t *root = NULL, *map;
    pb_status status;

    status = pb_json_read(&root, path, INDEX_MOST, 0, error);
    if (status)
        goto done;
    map = json_object_get(root, "weight_map");
    if (!json_is_object(map) || json_object_size(map) == 0) {
        status = pb_fail(error, PB_FORMAT,
                         "%s: weight_map: expected an object that names files, found %s", path,
                         json_is_object(map) ? "an empty one" : pb_json_found(map).text);
        goto done;
    }
    names = pb_malloc(json_object_size(map), sizeof *names);
    if (!names) {
        status = pb_fail_memory(error, json_object_size(map) * sizeof *names, path);
        goto done;
    }
    status = open_shards(weights, path, map, names, error);
    if (!status)
        status = gather(weights, error);
    if (!status)
        status = check_index(weights, path, map, error);
done:
    pb_free(names);
    json_decref(root);
    return status;
}

/* -- the interface ------------------------------------------------------------------------- */

pb_status pb_weights_open(pb_weights **out, const char *path, pb_error *error)
{
    pb_weights *weights = pb_calloc(1, sizeof *weights);
    pb_status status;

    *out = NULL;
    if (!weights)
        return pb_fail_memory(error, sizeof *weights, path);
    weights->owners = 1;
    if (pb_ends_with(path, ".json")) {
        status = open_index(weights, path, error);
    } else {
        status = new_shards(weights, 1, error);
        if (!status)
            status = open_shard(&weights->shards[0], path, error);
        if (!status)
            status = gather(weights, error);
    }
    if (status)
        pb_weights_free(weights);
    else
        *out = weights;
    return status;
}

void pb_weights_free(pb_weights *weights)
{
    if (!weights || atomic_fetch_sub(&weights->owners, 1) > 1)
        return;
    for (size_t i = 0; i < weights->shard_count; i++)
        close_shard(&weights->shards[i]);
    pb_free(weights->shards);
    for (size_t i = 0; weights->names && i < weights->count; i++)
        pb_free(weights->names[i]);
    pb_free(weights->names);
    pb_free(weights->layouts);
    pb_free(weights->additions);
    for (size_t i = 0; i < weights->source_count; i++)
        pb_weights_free(weights->sources[i]);
    pb_free(weights->sources);
    pb_weights_free(weights->from);
    pb_free(weights->tensors);
    pb_free(weights);
}

pb_weights *pb_weights_share(pb_weights *weights)
{
    atomic_fetch_add(&weights->owners, 1);
    return weights;
}

size_t pb_weights_count(const pb_weights *weights)
{
    return weights->count;
}

const pb_stored *pb_weights_at(const pb_weights *weights, size_t i)
{
    return &weights->tensors[i];
}

const pb_stored *pb_weights_find(const pb_weights *weights, const char *name)
{
    pb_stored key = {.name = name};

    return bsearch(&key, weights->tensors, weights->count, sizeof key, by_name);
}

const char *pb_weights_metadata(const pb_weights *weights, const char *key)
{
    const pb_shard *first;

    while (weights->from)
        weights = weights->from;
    first = &weights->shards[0];
    return first->reader->metadata ? first->reader->metadata(first, key) : NULL;
}
