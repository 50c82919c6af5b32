#include "pixel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "golden.h"

json_t *pixel_golden(const char *name)
{
    return golden_json("pixel/%s.json", name);
}

/* SplitMix64 from the FNV-1a hash of the name on, as make/pixel_networks.py has it. */
void pixel_numbers(const char *name, size_t count, double *out)
{
    uint64_t state = 0xCBF29CE484222325, z;

    for (; *name; name++)
        state = (state ^ (unsigned char)*name) * 0x100000001B3;
    for (size_t i = 0; i < count; i++) {
        z = state += 0x9E3779B97F4A7C15;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        z ^= z >> 31;
        out[i] = ((double)(z >> 40) - 8388608) / 8388608;
    }
}

/* As `fill` there. */
static pb_tensor make_tensor(const char *name, const json_t *shape)
{
    const char *dot = strrchr(name, '.');
    pb_tensor t = {.rank = json_array_size(shape)};
    double *numbers, half = 1;
    size_t count = 1, row;

    for (size_t i = 0; i < t.rank; i++)
        count *= t.shape[i] = (size_t)json_integer_value(json_array_get(shape, i));
    row = count / t.shape[0];
    while (half * half < (double)row)
        half *= 2;
    numbers = pb_malloc(count, sizeof *numbers);
    t.data = pb_malloc(count, sizeof *t.data);
    pixel_numbers(name, count, numbers);
    for (size_t i = 0; i < count; i++)
        t.data[i] =
            (float)(t.rank > 1 ? numbers[i] / half : numbers[i] / 4 + !strcmp(dot, ".weight"));
    pb_free(numbers);
    return t;
}

void pixel_write(const char *file, const json_t *golden, const char *before)
{
    json_t *tensors = json_object_get(golden, "tensors"), *shape;
    const size_t count = json_object_size(tensors);
    pb_named_tensor *named = pb_calloc(count, sizeof *named);
    pb_tensor *made = pb_calloc(count, sizeof *made);
    const char *name;
    size_t i = 0;

    json_object_foreach(tensors, name, shape)
    {
        made[i] = make_tensor(name, shape);
        named[i] = (pb_named_tensor){pb_sprintf("%s%s", before, name), &made[i]};
        i++;
    }
    MUST(pb_safetensors_write(scratch_path(&here, file).text, count, named, 0, NULL, error));
    for (i = 0; i < count; i++) {
        pb_free((char *)named[i].name);
        pb_tensor_clear(&made[i]);
    }
    pb_free(named);
    pb_free(made);
}

void pixel_settings(const char *file, const json_t *golden, const char *changes)
{
    json_t *settings = json_deep_copy(json_object_get(golden, "settings")), *more, *value;
    const char *key;
    char *text;

    if (!json_is_object(settings)) {
        json_decref(settings);
        settings = json_object();
    }
    more = changes ? json_loads(changes, 0, NULL) : json_object();
    assert_non_null(more);
    json_object_foreach(more, key, value)
    {
        if (json_is_string(value) && !strcmp(json_string_value(value), "-"))
            json_object_del(settings, key);
        else
            json_object_set(settings, key, value);
    }
    text = json_dumps(settings, 0);
    scratch_write(&here, file, text, strlen(text));
    free(text);
    json_decref(more);
    json_decref(settings);
}

json_t *pixel_shapes(const char *name)
{
    json_t *golden = pixel_golden(name), *list = json_object(), *shape;
    const char *tensor;

    json_object_foreach(json_object_get(golden, "tensors"), tensor, shape)
    {
        json_object_set_new(list, tensor, json_pack("[s, O, []]", "F32", shape));
    }
    json_decref(golden);
    return list;
}
