#include "original.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "golden.h"
#include "io/file.h"

json_t *original_list(const char *name)
{
    return golden_json("original/%s.json", name);
}

static void filter(json_t *list, const char *beginning, bool keep)
{
    const char *name;
    json_t *value;
    void *next;

    json_object_foreach_safe(list, next, name, value)
    {
        if ((strncmp(name, beginning, strlen(beginning)) == 0) != keep)
            json_object_del(list, name);
    }
}

void original_keep(json_t *list, const char *beginning)
{
    filter(list, beginning, true);
}

void original_drop(json_t *list, const char *beginning)
{
    filter(list, beginning, false);
}

void original_rename(json_t *list, const char *from, const char *to)
{
    json_t *renamed = json_object(), *value;
    const char *name;
    char other[512];

    json_object_foreach(list, name, value)
    {
        if (!strncmp(name, from, strlen(from))) {
            snprintf(other, sizeof other, "%s%s", to, name + strlen(from));
            json_object_set(renamed, other, value);
        } else
            json_object_set(renamed, name, value);
    }
    json_object_clear(list);
    json_object_update(list, renamed);
    json_decref(renamed);
}

void original_add(json_t *list, const char *name, const char *dtype, const char *shape)
{
    json_object_set_new(list, name,
                        json_pack("[s, o, []]", dtype, json_loads(shape, JSON_DECODE_ANY, NULL)));
}

/* -- writing --------------------------------------------------------------------------------- */

static size_t width_of(const char *dtype)
{
    return !strcmp(dtype, "I64") ? 8 : strstr(dtype, "32") ? 4 : 2;
}

static size_t count_of(const json_t *tensor)
{
    const json_t *shape = json_array_get(tensor, 1);
    size_t count = 1;

    for (size_t i = 0; i < json_array_size(shape); i++)
        count *= (size_t)json_integer_value(json_array_get(shape, i));
    return count;
}

static bool is_wide(const json_t *tensor, size_t number, const original_file *f)
{
    return f->mixed && number % 2 && json_array_size(json_array_get(tensor, 2)) > 0 &&
           !json_is_true(json_array_get(tensor, 3));
}

static const char *dtype_of(const json_t *tensor, size_t number, const original_file *f)
{
    return is_wide(tensor, number, f) ? "F32" : json_string_value(json_array_get(tensor, 0));
}

/* The header of such a file, free(); *total: bytes behind it. */
static char *header_of(const json_t *list, const original_file *f, size_t *total)
{
    json_t *header = json_object(), *tensor;
    size_t at = 0, number = 0;
    const char *name;
    char *text;

    if (f->metadata)
        json_object_set_new(header, "__metadata__", json_loads(f->metadata, 0, NULL));
    json_object_foreach((json_t *)list, name, tensor)
    {
        const char *dtype = dtype_of(tensor, number++, f);
        size_t bytes = count_of(tensor) * width_of(dtype);
        json_object_set_new(header, name,
                            json_pack("{s:s, s:O, s:[I, I]}", "dtype", dtype, "shape",
                                      json_array_get(tensor, 1), "data_offsets", (json_int_t)at,
                                      (json_int_t)(at + bytes)));
        at += bytes;
    }
    *total = at;
    text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    return text;
}

#define PARTS 4

/* A matrix of a folder, a column after the other. */
static void write_transposed(FILE *file, const pb_stored *t, const char *raw)
{
    const size_t width = t->bytes / t->count;

    assert_int_equal(t->rank, 2);
    for (size_t k = 0; k < t->shape[1]; k++)
        for (size_t i = 0; i < t->shape[0]; i++)
            fwrite(raw + (i * t->shape[1] + k) * width, 1, width, file);
}

/* The tensor "unet/conv_in.bias" of a folder's open weights. */
static const pb_stored *find(pb_weights *const parts[PARTS], const char *name)
{
    static const char *const roles[PARTS] = {"unet/", "vae/", "text_encoder/", "text_encoder_2/"};

    for (size_t i = 0; i < PARTS; i++)
        if (!strncmp(name, roles[i], strlen(roles[i])))
            return pb_weights_find(parts[i], name + strlen(roles[i]));
    return NULL;
}

static void write_tensor(FILE *file, const json_t *tensor, bool wide,
                         pb_weights *const parts[PARTS])
{
    const json_t *of = json_array_get(tensor, 2);
    const size_t bytes = count_of(tensor) * width_of(json_string_value(json_array_get(tensor, 0)));

    for (size_t i = 0; json_array_size(of) == 0 && i < bytes; i++)
        fputc(i % 2 ? 0x3c : 0x11, file);
    for (size_t i = 0; i < json_array_size(of); i++) {
        const pb_stored *t = find(parts, json_string_value(json_array_get(of, i)));
        char *raw;
        float *values;
        assert_non_null(t);
        if (wide) {
            MUST(pb_stored_load(&values, t, error));
            fwrite(values, sizeof *values, t->count, file);
            pb_free(values);
        } else {
            raw = pb_malloc(t->bytes, 1);
            MUST(pb_file_read_at(t->source, t->offset, raw, t->bytes, error));
            if (json_is_true(json_array_get(tensor, 3)))
                write_transposed(file, t, raw);
            else
                fwrite(raw, 1, t->bytes, file);
            pb_free(raw);
        }
    }
}

FILE *original_begin(const char *name, const json_t *list, const original_file *f, size_t *total)
{
    char *header = header_of(list, f, total);
    uint64_t length = strlen(header); /* little-endian, as the machines that tests run on */
    FILE *file = fopen(scratch_path(&here, name).text, "wb");

    assert_non_null(file);
    fwrite(&length, 8, 1, file);
    fwrite(header, 1, length, file);
    *total += 8 + length;
    free(header);
    return file;
}

void original_write(const char *name, const json_t *list, const original_file *f)
{
    static const char *const files[] = {
        "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors", "text_encoder_2/model.safetensors"};
    pb_weights *parts[PARTS] = {NULL};
    size_t total, number = 0;
    FILE *file = original_begin(name, list, f, &total);
    char path[512];
    const char *key;
    json_t *tensor;

    for (size_t i = 0; f->folder && i < PARTS; i++) {
        snprintf(path, sizeof path, "%s/%s", f->folder, files[i]);
        if (access(path, F_OK) == 0)
            MUST(pb_weights_open(&parts[i], path, error));
    }
    json_object_foreach((json_t *)list, key, tensor)
    {
        if (f->folder)
            write_tensor(file, tensor, is_wide(tensor, number++, f), parts);
    }
    assert_int_equal(fflush(file), 0);
    if (!f->folder)
        assert_int_equal(ftruncate(fileno(file), (off_t)total), 0);
    assert_int_equal(fclose(file), 0);
    for (size_t i = 0; i < PARTS; i++)
        pb_weights_free(parts[i]);
}

/* -- what was inferred --------------------------------------------------------------------------
 */

void original_check(const pb_model *model, pb_role role, const char *expected)
{
    const json_t *config = model->files.parts[role].config, *value;
    json_t *wanted = json_loads(expected, 0, NULL);
    const char *key;

    assert_non_null(wanted);
    json_object_foreach(wanted, key, value)
    {
        if (!json_equal(json_object_get(config, key), value)) {
            char *found = json_dumps(json_object_get(config, key), JSON_ENCODE_ANY);
            fail_msg("%s: %s: found %s", pb_role_name(role), key, found);
        }
    }
    json_decref(wanted);
}
