#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/shape.h"
#include "io/file.h"
#include "io/json.h"
#include "io/weights.h"

/* Text that can stand in JSON? jansson refuses what is not UTF-8 and reports a lack of memory in
 * the same way; its _nocheck form tells them apart. what: "metadata", "tensor". */
static pb_status check_text(const char *text, const char *path, const char *what, pb_error *error)
{
    json_t *checked = json_string(text), *unchecked = json_string_nocheck(text);
    bool valid = checked != NULL, memory = unchecked == NULL;

    json_decref(checked);
    json_decref(unchecked);
    if (memory)
        return pb_fail_memory(error, strlen(text), path);
    if (!valid)
        return pb_fail(error, PB_INVALID, "%s: %s: expected text in UTF-8", path, what);
    return PB_OK;
}

/* Puts value (NULL: there was no memory for it) under a new key; takes value over, whatever
 * happens. */
static pb_status put(json_t *object, const char *key, json_t *value, const char *path,
                     const char *what, pb_error *error)
{
    pb_status status = check_text(key, path, what, error);

    if (!status && json_object_get(object, key))
        status = pb_fail(error, PB_INVALID, "%s: %s %s: expected once, found twice", path, what,
                         pb_quote(key).text);
    if (status) {
        json_decref(value);
        return status;
    }
    if (json_object_set_new_nocheck(object, key, value))
        return pb_fail_memory(error, strlen(key), path);
    return PB_OK;
}

static pb_status put_metadata(json_t *header, size_t count, const pb_metadata *metadata,
                              const char *path, pb_error *error)
{
    json_t *object;

    if (count == 0)
        return PB_OK;
    object = json_object();
    PB_TRY(put(header, "__metadata__", object, path, "metadata", error));
    for (size_t i = 0; i < count; i++) {
        json_t *value;
        PB_TRY(check_text(metadata[i].value, path, "metadata", error));
        value = json_string_nocheck(metadata[i].value);
        PB_TRY(put(object, metadata[i].key, value, path, "metadata", error));
    }
    return PB_OK;
}

/* A list of integers, or NULL when there is no memory. */
static json_t *list(size_t count, const size_t *values)
{
    json_t *result = json_array();

    for (size_t i = 0; result && i < count; i++)
        if (json_array_append_new(result, json_integer((json_int_t)values[i]))) {
            json_decref(result);
            return NULL;
        }
    return result;
}

static pb_status put_tensor(json_t *header, const pb_named_tensor *named, size_t offsets[2],
                            const char *path, pb_error *error)
{
    const pb_tensor *tensor = named->tensor;
    size_t bytes;
    json_t *entry;

    PB_TRY(pb_tensor_check(tensor, path, error));
    if (pb_mul_overflows(pb_tensor_count(tensor), sizeof(float), &bytes) ||
        __builtin_add_overflow(offsets[0], bytes, &offsets[1]) || offsets[1] > INT64_MAX)
        return pb_fail(error, PB_INVALID, "%s: tensor %s: too many bytes", path,
                       pb_quote(named->name).text);
    entry = json_object();
    /* Each of these fails when its object or its value is NULL, and frees the value. */
    if (json_object_set_new(entry, "dtype", json_string("F32")) ||
        json_object_set_new(entry, "shape", list(tensor->rank, tensor->shape)) ||
        json_object_set_new(entry, "data_offsets", list(2, offsets))) {
        json_decref(entry);
        return pb_fail_memory(error, bytes, path);
    }
    PB_TRY(put(header, named->name, entry, path, "tensor", error));
    offsets[0] = offsets[1];
    return PB_OK;
}

/* The header's text, padded with spaces so that the data begins at a multiple of 8 bytes. The
 * caller frees it with pb_free. */
static pb_status make_header(char **out, size_t *size, const char *path, size_t count,
                             const pb_named_tensor *tensors, size_t metadata_count,
                             const pb_metadata *metadata, pb_error *error)
{
    json_t *header = json_object();
    size_t offsets[2] = {0, 0}, length = 0;
    pb_status status = PB_OK;
    char *text = NULL;

    if (!header)
        return pb_fail_memory(error, 0, path);
    status = put_metadata(header, metadata_count, metadata, path, error);
    for (size_t i = 0; !status && i < count; i++) {
        if (!strcmp(tensors[i].name, "__metadata__"))
            status = pb_fail(error, PB_INVALID, "%s: a tensor cannot be named __metadata__", path);
        else
            status = put_tensor(header, &tensors[i], offsets, path, error);
    }
    if (!status) {
        length = json_dumpb(header, NULL, 0, JSON_COMPACT);
        *size = (length + 7) / 8 * 8;
        text = length ? pb_malloc(*size, 1) : NULL;
        if (!text || json_dumpb(header, text, length, JSON_COMPACT) != length)
            status = pb_fail_memory(error, *size, path);
    }
    json_decref(header);
    if (status) {
        pb_free(text);
        return status;
    }
    memset(text + length, ' ', *size - length);
    *out = text;
    return PB_OK;
}

pb_status pb_safetensors_write(const char *path, size_t count, const pb_named_tensor *tensors,
                               size_t metadata_count, const pb_metadata *metadata, pb_error *error)
{
    pb_output output = PB_OUTPUT_EMPTY;
    unsigned char prefix[8];
    char *header = NULL;
    pb_status status;
    size_t size = 0;

    status = make_header(&header, &size, path, count, tensors, metadata_count, metadata, error);
    if (status)
        goto fail;
    for (int i = 0; i < 8; i++)
        prefix[i] = (unsigned char)((uint64_t)size >> 8 * i);
    status = pb_output_open(&output, path, error);
    if (status)
        goto fail;
    status = pb_output_bytes(&output, prefix, sizeof prefix, error);
    if (!status)
        status = pb_output_bytes(&output, header, size, error);
    for (size_t i = 0; !status && i < count; i++)
        status = pb_output_floats(&output, tensors[i].tensor->data,
                                  pb_tensor_count(tensors[i].tensor), error);
    if (status)
        goto fail;
    pb_free(header);
    return pb_output_commit(&output, error);
fail:
    pb_output_abandon(&output);
    pb_free(header);
    return status;
}
