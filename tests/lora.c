#include "lora.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "original.h"

json_t *lora_recipe(const char *name)
{
    json_t *all = golden_json("lora.json"), *tensors;

    tensors = json_deep_copy(json_object_get(json_object_get(all, name), "tensors"));
    assert_non_null(tensors);
    json_decref(all);
    return tensors;
}

void lora_add(json_t *tensors, const char *name, const char *dtype, const char *shape, double value)
{
    json_object_set_new(
        tensors, name,
        json_pack("[s, o, f]", dtype, json_loads(shape, JSON_DECODE_ANY, NULL), value));
}

/* -- numbers ---------------------------------------------------------------------------------- */

/* Of a number that is a normal one there. */
static uint16_t to_half(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return value == 0 ? 0
                      : (uint16_t)((bits >> 16 & 0x8000) |
                                   (((bits >> 23 & 0xFF) - 112) << 10 | (bits >> 13 & 0x3FF)));
}

static void put(FILE *file, const char *dtype, double value)
{
    const float wide = (float)value;
    const uint16_t half = to_half(wide);
    const int64_t whole = (int64_t)(isfinite(value) ? value : 0);

    if (!strcmp(dtype, "F16"))
        fwrite(&half, sizeof half, 1, file);
    else if (!strcmp(dtype, "I64"))
        fwrite(&whole, sizeof whole, 1, file);
    else
        fwrite(&wide, sizeof wide, 1, file);
}

/* As tests/golden/make/lora.py says. */
static void put_tensor(FILE *file, const char *name, const json_t *tensor)
{
    const char *dtype = json_string_value(json_array_get(tensor, 0));
    const json_t *shape = json_array_get(tensor, 1);
    const double value = json_number_value(json_array_get(tensor, 2));
    uint32_t s = 2166136261u;
    size_t count = 1;

    for (size_t i = 0; i < json_array_size(shape); i++)
        count *= (size_t)json_integer_value(json_array_get(shape, i));
    for (const char *c = name; *c; c++)
        s = (s ^ (unsigned char)*c) * 16777619u;
    for (size_t i = 0; i < count; i++, s = 1664525u * s + 1013904223u)
        put(file, dtype, json_array_size(shape) ? value * ((s >> 16 & 255) - 127.5) / 128 : value);
}

void lora_write_tensors(const char *name, const json_t *tensors, const char *metadata)
{
    size_t total;
    FILE *file = original_begin(name, tensors, &(original_file){.metadata = metadata}, &total);
    const char *key;
    json_t *tensor;

    json_object_foreach((json_t *)tensors, key, tensor)
    {
        put_tensor(file, key, tensor);
    }
    assert_int_equal(ftell(file), total);
    assert_int_equal(fclose(file), 0);
}

void lora_write(const char *file, const char *name)
{
    json_t *all = golden_json("lora.json"), *recipe = json_object_get(all, name);
    json_t *config = json_object_get(recipe, "config"), *metadata;
    char *text, path[512];

    assert_non_null(recipe);
    metadata = json_object_get(recipe, "metadata");
    text = metadata ? json_dumps(metadata, 0) : NULL;
    lora_write_tensors(file, json_object_get(recipe, "tensors"), text);
    free(text);
    if (config) {
        const char *slash = strrchr(file, '/');
        snprintf(path, sizeof path, "%.*sadapter_config.json", slash ? (int)(slash + 1 - file) : 0,
                 file);
        assert_int_equal(json_dump_file(config, scratch_path(&here, path).text, 0), 0);
    }
    json_decref(all);
}
