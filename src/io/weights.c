#include "io/weights.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/ending.h"
#include "base/memory.h"
#include "io/file.h"
#include "io/json.h"

/* A safetensors file is
 *
 *     u64     n, little-endian
 *     n bytes a JSON object {"NAME": {"dtype": "F32", "shape": [..], "data_offsets": [b, e]}, ..}
 *             and, under "__metadata__", an object of strings; may end in spaces
 *     bytes   the data; b and e count from here, and the tensors cover it without gap or overlap.
 *
 * See https://github.com/huggingface/safetensors, whose limit on n is kept here. */
#define HEADER_MOST 100000000
#define METADATA "__metadata__"

typedef struct shard {
    char *path;
    pb_file file;
    json_t *header; /* owns the names of its tensors */
    size_t begin;   /* of the data */
    size_t size;
    size_t count;
} shard;

struct pb_weights {
    size_t shard_count;
    shard *shards;
    size_t count;
    pb_stored *tensors; /* by name */
};

static const struct dtype {
    const char *name;
    pb_dtype dtype;
    size_t size; /* 0: known, but not read by this program */
} dtypes[] = {
    {"F64", PB_F64, 8},         {"F32", PB_F32, 4},     {"F16", PB_F16, 2},
    {"BF16", PB_BF16, 2},       {"I64", PB_INTEGER, 8}, {"U64", PB_INTEGER, 8},
    {"I32", PB_INTEGER, 4},     {"U32", PB_INTEGER, 4}, {"I16", PB_INTEGER, 2},
    {"U16", PB_INTEGER, 2},     {"I8", PB_INTEGER, 1},  {"U8", PB_INTEGER, 1},
    {"BOOL", PB_INTEGER, 1},    {"C64", PB_F32, 0},     {"F8_E4M3", PB_F16, 0},
    {"F8_E5M2", PB_F16, 0},     {"F8_E8M0", PB_F16, 0}, {"F8_E4M3FNUZ", PB_F16, 0},
    {"F8_E5M2FNUZ", PB_F16, 0}, {"F6_E2M3", PB_F16, 0}, {"F6_E3M2", PB_F16, 0},
    {"F4", PB_F16, 0},
};

static uint64_t load64(const unsigned char *p)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--)
        value = value << 8 | p[i];
    return value;
}

/* -- one file ---------------------------------------------------------------------------- */

/* Fails with "FILE: tensor "NAME": …". */
#define FAIL_TENSOR(status, format, ...)                                                           \
    pb_fail(error, status, "%s: tensor %s: " format, s->path, pb_quote(t->name).text, __VA_ARGS__)

static pb_status read_dtype(const shard *s, pb_stored *t, size_t *size, const json_t *value,
                            pb_error *error)
{
    if (!json_is_string(value))
        return FAIL_TENSOR(PB_FORMAT, "dtype: expected a string, found %s",
                           pb_json_found(value).text);
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (!strcmp(json_string_value(value), dtypes[i].name)) {
            if (dtypes[i].size == 0)
                return FAIL_TENSOR(PB_UNSUPPORTED,
                                   "dtype: expected F64, F32, F16, BF16 or an integer, found %s",
                                   dtypes[i].name);
            t->dtype = dtypes[i].dtype;
            t->dtype_name = dtypes[i].name;
            *size = dtypes[i].size;
            return PB_OK;
        }
    return FAIL_TENSOR(PB_FORMAT, "dtype: expected one of the format's, found %s",
                       pb_json_found(value).text);
}

/* A number of entries or bytes: an integer that is not negative and fits a size_t. */
static bool get_size(const json_t *value, size_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uintmax_t)json_integer_value(value) > SIZE_MAX)
        return false;
    *out = (size_t)json_integer_value(value);
    return true;
}

static pb_status read_shape(const shard *s, pb_stored *t, const json_t *value, pb_error *error)
{
    if (!json_is_array(value))
        return FAIL_TENSOR(PB_FORMAT, "shape: expected a list, found %s",
                           pb_json_found(value).text);
    if (json_array_size(value) > PB_MAX_RANK)
        return FAIL_TENSOR(PB_UNSUPPORTED, "shape: expected at most %d dimensions, found %zu",
                           PB_MAX_RANK, json_array_size(value));
    t->rank = json_array_size(value);
    t->count = 1;
    for (size_t i = 0; i < t->rank; i++) {
        const json_t *item = json_array_get(value, i);
        if (!get_size(item, &t->shape[i]))
            return FAIL_TENSOR(PB_FORMAT, "shape: expected non-negative integers, found %s",
                               pb_json_found(item).text);
        if (pb_mul_overflows(t->count, t->shape[i], &t->count))
            return FAIL_TENSOR(PB_FORMAT, "shape: expected a number of entries below 2^%zu",
                               8 * sizeof(size_t));
    }
    return PB_OK;
}

static pb_status read_offsets(const shard *s, pb_stored *t, size_t size, const json_t *value,
                              pb_error *error)
{
    const json_t *item = NULL;
    size_t ends[2];

    if (!json_is_array(value) || json_array_size(value) != 2)
        return FAIL_TENSOR(PB_FORMAT, "data_offsets: expected a list of 2, found %s",
                           pb_json_found(value).text);
    for (size_t i = 0; i < 2; i++) {
        item = json_array_get(value, i);
        if (!get_size(item, &ends[i]))
            return FAIL_TENSOR(PB_FORMAT, "data_offsets: expected non-negative integers, found %s",
                               pb_json_found(item).text);
    }
    if (ends[0] > ends[1] || ends[1] > s->size)
        return FAIL_TENSOR(PB_FORMAT,
                           "data_offsets: expected a range within %zu bytes of data, found %zu "
                           "to %zu",
                           s->size, ends[0], ends[1]);
    if (pb_mul_overflows(t->count, size, &t->bytes) || t->bytes != ends[1] - ends[0])
        return FAIL_TENSOR(PB_FORMAT,
                           "expected %zu entries of %zu bytes (by shape and dtype), found %zu "
                           "bytes (by data_offsets)",
                           t->count, size, ends[1] - ends[0]);
    t->source = &s->file;
    t->offset = s->begin + ends[0];
    return PB_OK;
}

static int by_place(const void *a, const void *b)
{
    const pb_stored *p = a, *q = b;

    if (p->offset != q->offset)
        return p->offset < q->offset ? -1 : 1;
    /* The empty ones first: they lie before what begins where they do. */
    return (p->bytes > q->bytes) - (p->bytes < q->bytes);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const pb_stored *)a)->name, ((const pb_stored *)b)->name);
}

/* The tensors cover the data without gap or overlap? Sorts them by place. */
static pb_status check_cover(const shard *s, pb_stored *tensors, pb_error *error)
{
    const pb_stored *t = NULL;
    size_t end = s->begin;

    qsort(tensors, s->count, sizeof *tensors, by_place);
    for (size_t i = 0; i < s->count; i++) {
        const pb_stored *before = t;
        size_t begin = tensors[i].offset;

        t = &tensors[i];
        if (begin < end)
            return FAIL_TENSOR(PB_FORMAT, "overlaps tensor %s", pb_quote(before->name).text);
        if (begin > end)
            return FAIL_TENSOR(PB_FORMAT,
                               "expected it to begin at byte %zu of the data, where the one before "
                               "ends, found %zu",
                               end - s->begin, begin - s->begin);
        end = begin + t->bytes;
    }
    if (end - s->begin != s->size)
        return pb_fail(error, PB_FORMAT, "%s: expected %zu bytes of data, found %zu", s->path,
                       end - s->begin, s->size);
    return PB_OK;
}

/* Fills s->count entries at tensors from the header. */
static pb_status read_tensors(const shard *s, pb_stored *tensors, pb_error *error)
{
    pb_stored *t = tensors;
    const char *name;
    json_t *value;

    json_object_foreach(s->header, name, value)
    {
        size_t size = 0;

        if (!strcmp(name, METADATA))
            continue;
        t->name = name;
        t->file = s->path;
        if (!json_is_object(value))
            return FAIL_TENSOR(PB_FORMAT, "expected an object, found %s",
                               pb_json_found(value).text);
        PB_TRY(read_dtype(s, t, &size, json_object_get(value, "dtype"), error));
        PB_TRY(read_shape(s, t, json_object_get(value, "shape"), error));
        PB_TRY(read_offsets(s, t, size, json_object_get(value, "data_offsets"), error));
        t++;
    }
    return check_cover(s, tensors, error);
}

static pb_status check_metadata(const shard *s, pb_error *error)
{
    json_t *metadata = json_object_get(s->header, METADATA), *value;
    const char *key;

    if (!metadata || json_is_null(metadata))
        return PB_OK;
    if (!json_is_object(metadata))
        return pb_fail(error, PB_FORMAT, "%s: " METADATA ": expected an object, found %s", s->path,
                       pb_json_found(metadata).text);
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return pb_fail(error, PB_FORMAT, "%s: " METADATA ": %s: expected a string, found %s",
                           s->path, pb_quote(key).text, pb_json_found(value).text);
    }
    return PB_OK;
}

/* The header's text, of so many bytes. */
static pb_status parse_header(shard *s, size_t length, pb_error *error)
{
    char *text = pb_malloc(length, 1);
    pb_status status;

    if (!text)
        return pb_fail_memory(error, length, s->path);
    status = pb_file_read_at(&s->file, 8, text, length, error);
    if (status == PB_OK)
        status = pb_json_parse(&s->header, s->path, "header", text, length, error);
    pb_free(text);
    return status;
}

/* Opens a file and parses its header. On failure the caller closes it all the same. */
static pb_status open_shard(shard *s, const char *path, pb_error *error)
{
    static const char lfs[] = "version https://git-lfs";
    unsigned char first[sizeof lfs] = {0};
    size_t size, length;
    uint64_t claimed;

    s->path = pb_strdup(path);
    if (!s->path)
        return pb_fail_memory(error, strlen(path), path);
    PB_TRY(pb_file_open(&s->file, s->path, error));
    size = s->file.size;
    PB_TRY(pb_file_read_at(&s->file, 0, first, size < sizeof first ? size : sizeof first, error));
    if (size >= sizeof lfs && !memcmp(first, lfs, sizeof lfs - 1))
        return pb_fail(error, PB_FORMAT,
                       "%s: expected tensors, found a Git LFS pointer to them (git lfs pull gets "
                       "the file itself)",
                       path);
    if (size < 8)
        return pb_fail(error, PB_FORMAT,
                       "%s: not a safetensors file: expected 8 bytes and a header, found %zu bytes",
                       path, size);
    claimed = load64(first);
    if (claimed > HEADER_MOST)
        return pb_fail(error, PB_FORMAT,
                       "%s: not a safetensors file: expected a header of at most %d bytes, found "
                       "a length of %ju",
                       path, HEADER_MOST, (uintmax_t)claimed);
    length = (size_t)claimed;
    if (length > size - 8)
        return pb_fail(error, PB_FORMAT, "%s: truncated: expected a header of %zu bytes, found %zu",
                       path, length, size - 8);
    if (length == 0 || first[8] != '{')
        return pb_fail(error, PB_FORMAT,
                       "%s: not a safetensors file: expected a header that begins with {", path);
    PB_TRY(parse_header(s, length, error));
    s->begin = 8 + length;
    s->size = size - 8 - length;
    s->count = json_object_size(s->header) - (json_object_get(s->header, METADATA) != NULL);
    return check_metadata(s, error);
}

static void close_shard(shard *s)
{
    json_decref(s->header);
    pb_file_close(&s->file);
    pb_free(s->path);
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
        PB_TRY(read_tensors(&weights->shards[i], weights->tensors + weights->count, error));
        weights->count += weights->shards[i].count;
    }
    qsort(weights->tensors, count, sizeof *weights->tensors, by_name);
    for (size_t i = 1; i < count; i++) {
        const pb_stored *t = &weights->tensors[i];
        if (!strcmp(t->name, t[-1].name))
            return pb_fail(error, PB_FORMAT, "%s: tensor %s: lies also in %s", t->file,
                           pb_quote(t->name).text, t[-1].file);
    }
    return PB_OK;
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

    status = pb_json_read(&root, path, HEADER_MOST, 0, error);
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
    if (!weights)
        return;
    for (size_t i = 0; i < weights->shard_count; i++)
        close_shard(&weights->shards[i]);
    pb_free(weights->shards);
    pb_free(weights->tensors);
    pb_free(weights);
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
    return json_string_value(
        json_object_get(json_object_get(weights->shards[0].header, METADATA), key));
}
