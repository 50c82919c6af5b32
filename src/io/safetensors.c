/* A safetensors file is
 *
 *     u64     n, little-endian
 *     n bytes a JSON object {"NAME": {"dtype": "F32", "shape": [..], "data_offsets": [b, e]}, ..}
 *             and, under "__metadata__", an object of strings; may end in spaces
 *     bytes   the data; b and e count from here, and the tensors cover it without gap or overlap.
 *
 * See https://github.com/huggingface/safetensors, whose limit on n is kept here. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/json.h"
#include "io/reader.h"

#define HEADER_MOST 100000000
#define METADATA "__metadata__"

/* What is known of a file. */
typedef struct inside {
    json_t *header; /* owns the names of its tensors */
    size_t begin;   /* of the data */
    size_t size;
} inside;

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

static inside *of(const pb_shard *s)
{
    return s->inside;
}

/* -- one file ---------------------------------------------------------------------------- */

/* Fails with "FILE: tensor "NAME": …". */
#define FAIL_TENSOR(status, format, ...)                                                           \
    pb_fail(error, status, "%s: tensor %s: " format, s->path, pb_quote(t->name).text, __VA_ARGS__)

static pb_status read_dtype(const pb_shard *s, pb_stored *t, size_t *size, const json_t *value,
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

static pb_status read_shape(const pb_shard *s, pb_stored *t, const json_t *value, pb_error *error)
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

static pb_status read_offsets(const pb_shard *s, pb_stored *t, size_t size, const json_t *value,
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
    if (ends[0] > ends[1] || ends[1] > of(s)->size)
        return FAIL_TENSOR(PB_FORMAT,
                           "data_offsets: expected a range within %zu bytes of data, found %zu "
                           "to %zu%s",
                           of(s)->size, ends[0], ends[1],
                           ends[0] > ends[1] ? "" : " (a file cut short: get it anew)");
    if (pb_mul_overflows(t->count, size, &t->bytes) || t->bytes != ends[1] - ends[0])
        return FAIL_TENSOR(PB_FORMAT,
                           "expected %zu entries of %zu bytes (by shape and dtype), found %zu "
                           "bytes (by data_offsets)",
                           t->count, size, ends[1] - ends[0]);
    t->source = &s->file;
    t->offset = of(s)->begin + ends[0];
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

/* The tensors cover the data without gap or overlap? Sorts them by place. */
static pb_status check_cover(const pb_shard *s, pb_stored *tensors, pb_error *error)
{
    const pb_stored *t = NULL;
    size_t end = of(s)->begin;

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
                               end - of(s)->begin, begin - of(s)->begin);
        end = begin + t->bytes;
    }
    if (end - of(s)->begin != of(s)->size)
        return pb_fail(error, PB_FORMAT, "%s: expected %zu bytes of data, found %zu", s->path,
                       end - of(s)->begin, of(s)->size);
    return PB_OK;
}

/* Fills s->count entries at tensors from the header. */
static pb_status read_tensors(const pb_shard *s, pb_stored *tensors, pb_error *error)
{
    pb_stored *t = tensors;
    const char *name;
    json_t *value;

    json_object_foreach(of(s)->header, name, value)
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

static pb_status check_metadata(const pb_shard *s, pb_error *error)
{
    json_t *metadata = json_object_get(of(s)->header, METADATA), *value;
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
static pb_status parse_header(pb_shard *s, size_t length, pb_error *error)
{
    char *text = pb_malloc(length, 1);
    pb_status status;

    if (!text)
        return pb_fail_memory(error, length, s->path);
    status = pb_file_read_at(&s->file, 8, text, length, error);
    if (status == PB_OK)
        status = pb_json_parse(&of(s)->header, s->path, "header", text, length, error);
    pb_free(text);
    return status;
}

/* Reads the header, once the file is open. */
static pb_status open_file(pb_shard *s, pb_error *error)
{
    const size_t size = s->file.size;
    unsigned char first[9] = {0};
    uint64_t claimed;
    size_t length;

    s->inside = pb_calloc(1, sizeof(inside));
    if (!s->inside)
        return pb_fail_memory(error, sizeof(inside), s->path);
    PB_TRY(pb_file_read_at(&s->file, 0, first, size < sizeof first ? size : sizeof first, error));
    if (size < 8)
        return pb_fail(error, PB_FORMAT,
                       "%s: not a safetensors file: expected 8 bytes and a header, found %zu bytes",
                       s->path, size);
    claimed = load64(first);
    if (claimed > HEADER_MOST && first[8] != '{') {
        first[8] = '\0';
        return pb_fail(
            error, PB_FORMAT,
            "%s: not a safetensors file: expected the length of a header and {, found %s", s->path,
            pb_quote((const char *)first).text);
    }
    if (claimed > HEADER_MOST)
        return pb_fail(error, PB_FORMAT,
                       "%s: not a safetensors file: expected a header of at most %d bytes, found "
                       "a length of %ju",
                       s->path, HEADER_MOST, (uintmax_t)claimed);
    length = (size_t)claimed;
    if (length > size - 8)
        return pb_fail(error, PB_FORMAT, "%s: truncated: expected a header of %zu bytes, found %zu",
                       s->path, length, size - 8);
    if (length == 0 || first[8] != '{')
        return pb_fail(error, PB_FORMAT,
                       "%s: not a safetensors file: expected a header that begins with {", s->path);
    PB_TRY(parse_header(s, length, error));
    of(s)->begin = 8 + length;
    of(s)->size = size - 8 - length;
    s->count = json_object_size(of(s)->header) - (json_object_get(of(s)->header, METADATA) != NULL);
    return check_metadata(s, error);
}

static void close_file(pb_shard *s)
{
    if (s->inside)
        json_decref(of(s)->header);
    pb_free(s->inside);
}

static const char *metadata(const pb_shard *s, const char *key)
{
    return json_string_value(json_object_get(json_object_get(of(s)->header, METADATA), key));
}

const pb_reader pb_safetensors_reader = {open_file, read_tensors, metadata, close_file};
