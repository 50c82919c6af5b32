#include "io/config.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/plain.h"
#include "io/file.h"
#include "io/json.h"

#define MOST_BYTES ((size_t)16 << 20)

typedef struct field {
    const char *key; /* owned by the root */
    json_t *value;
    bool asked, nullable;
} field;

struct pb_config {
    char *path;
    json_t *root;
    size_t count;
    field *fields;
    pb_error first; /* status PB_OK: none yet */
};

/* root: taken over, also on failure; NULL: no fields. */
static pb_status new_config(pb_config **out, const char *name, json_t *root, pb_error *error)
{
    pb_config *config = pb_calloc(1, sizeof *config);
    const char *key;
    json_t *value;

    *out = NULL;
    if (config) {
        config->root = root;
        config->path = pb_strdup(name);
        config->fields = pb_calloc(json_object_size(root), sizeof *config->fields);
    } else
        json_decref(root);
    if (!config || !config->path || !config->fields) {
        pb_config_free(config);
        return pb_fail_memory(error, sizeof *config + strlen(name), name);
    }
    json_object_foreach(config->root, key, value)
    {
        config->fields[config->count++] = (field){.key = key, .value = value};
    }
    *out = config;
    return PB_OK;
}

pb_status pb_config_open(pb_config **out, const char *path, pb_error *error)
{
    json_t *root;

    *out = NULL;
    PB_TRY(pb_json_read(&root, path, MOST_BYTES, PB_JSON_INFINITY, error));
    return new_config(out, path, root, error);
}

pb_status pb_config_empty(pb_config **out, const char *name, pb_error *error)
{
    return new_config(out, name, NULL, error);
}

pb_status pb_config_of(pb_config **out, const char *name, const json_t *root, pb_error *error)
{
    return new_config(out, name, json_incref((json_t *)root), error);
}

void pb_config_free(pb_config *config)
{
    if (!config)
        return;
    json_decref(config->root);
    pb_free(config->fields);
    pb_free(config->path);
    pb_free(config);
}

pb_status pb_config_status(const pb_config *config, pb_error *error)
{
    if (config->first.status && error)
        *error = config->first;
    return config->first.status;
}

/* Keeps an error that names the fields nobody asked for, if there are any. */
static void fail_unasked(pb_config *config)
{
    char names[600] = "";
    size_t length = 0, unnamed = 0;

    for (size_t i = 0; i < config->count; i++) {
        const field *f = &config->fields[i];
        pb_short name;

        /* What is None changes nothing, whatever it is. */
        if (f->asked || f->key[0] == '_' || json_is_null(f->value))
            continue;
        name = pb_quote(f->key);
        if (unnamed || length + strlen(name.text) + 3 > sizeof names)
            unnamed++;
        else
            length += (size_t)snprintf(names + length, sizeof names - length, "%s%s",
                                       length ? ", " : "", name.text);
    }
    if (unnamed)
        pb_fail(&config->first, PB_UNSUPPORTED, "%s: fields not understood: %s and %zu more",
                config->path, names, unnamed);
    else if (length)
        pb_fail(&config->first, PB_UNSUPPORTED, "%s: %s not understood: %s", config->path,
                strstr(names, "\", \"") ? "fields" : "field", names);
}

pb_status pb_config_close(pb_config *config, pb_error *error)
{
    pb_status status;

    if (!config->first.status)
        fail_unasked(config);
    status = pb_config_status(config, error);
    pb_config_free(config);
    return status;
}

const char *pb_config_path(const pb_config *config)
{
    return config->path;
}

void pb_config_fail(pb_config *config, pb_status status, const char *key, const char *format, ...)
{
    char text[600];
    va_list arguments;

    if (config->first.status)
        return;
    va_start(arguments, format);
    pb_plain_vprint(text, sizeof text, format, arguments);
    va_end(arguments);
    pb_fail(&config->first, status, "%s: %s: %s", config->path, key, text);
}

static field *find(pb_config *config, const char *key)
{
    for (size_t i = 0; i < config->count; i++)
        if (!strcmp(config->fields[i].key, key))
            return &config->fields[i];
    return NULL;
}

/* The value of a field, now asked for; NULL when it is absent, null where that is as good, or an
 * error is kept. */
static json_t *ask(pb_config *config, const char *key)
{
    field *f = find(config, key);

    if (!f)
        return NULL;
    f->asked = true;
    return config->first.status || (f->nullable && json_is_null(f->value)) ? NULL : f->value;
}

void pb_config_nullable(pb_config *config, const char *key)
{
    field *f = find(config, key);

    if (f)
        f->nullable = true;
}

bool pb_config_has(pb_config *config, const char *key)
{
    return ask(config, key) != NULL;
}

bool pb_config_is_set(pb_config *config, const char *key)
{
    const json_t *value = ask(config, key);

    return value && !json_is_false(value) && !json_is_null(value);
}

bool pb_config_is_null(pb_config *config, const char *key)
{
    field *f = find(config, key);

    if (f)
        f->asked = true;
    return f && !config->first.status && json_is_null(f->value);
}

void pb_config_ignore(pb_config *config, const char *key)
{
    ask(config, key);
}

bool pb_config_is_list(pb_config *config, const char *key)
{
    return json_is_array(ask(config, key));
}

bool pb_config_is_list_of_nulls(pb_config *config, const char *key)
{
    const json_t *list = ask(config, key);
    size_t i = 0;

    while (i < json_array_size(list) && json_is_null(json_array_get(list, i)))
        i++;
    return json_is_array(list) && i == json_array_size(list);
}

const char *pb_config_key(const pb_config *config, size_t i)
{
    return i < config->count ? config->fields[i].key : NULL;
}

/* Records "expected WHAT, found VALUE" for a field, or for item i of its list. */
static void fail_value(pb_config *config, const char *key, size_t i, const char *expected,
                       const json_t *value)
{
    if (i == SIZE_MAX)
        pb_config_fail(config, PB_FORMAT, key, "expected %s, found %s", expected,
                       pb_json_found(value).text);
    else
        pb_config_fail(config, PB_FORMAT, key, "item %zu: expected %s, found %s", i, expected,
                       pb_json_found(value).text);
}

/* Converts one value; i is its place in a list, or SIZE_MAX. Records an error if it cannot. */
static bool get_integer(pb_config *config, const char *key, size_t i, const json_t *value,
                        long least, long most, long *out)
{
    char expected[80];

    if (json_is_integer(value) && json_integer_value(value) >= least &&
        json_integer_value(value) <= most) {
        *out = (long)json_integer_value(value);
        return true;
    }
    if (json_is_real(value)) {
        double real = json_real_value(value);
        /* 2^53: beyond it a real does not say which integer was meant. */
        if (real == floor(real) && fabs(real) <= 9007199254740992.0 && real >= (double)least &&
            real <= (double)most) {
            *out = (long)real;
            return true;
        }
    }
    if (least == LONG_MIN && most == LONG_MAX)
        snprintf(expected, sizeof expected, "an integer");
    else if (most == LONG_MAX)
        snprintf(expected, sizeof expected, "an integer of at least %ld", least);
    else if (least == LONG_MIN)
        snprintf(expected, sizeof expected, "an integer of at most %ld", most);
    else
        snprintf(expected, sizeof expected, "an integer from %ld to %ld", least, most);
    fail_value(config, key, i, expected, value);
    return false;
}

static bool get_number(pb_config *config, const char *key, size_t i, const json_t *value,
                       double least, double most, double *out)
{
    char expected[120];

    if (json_is_number(value)) {
        double number = json_number_value(value);
        if (isfinite(number) && number >= least && number <= most) {
            *out = number;
            return true;
        }
    }
    if (least <= -DBL_MAX && most >= DBL_MAX)
        snprintf(expected, sizeof expected, "a number");
    else if (most >= DBL_MAX)
        pb_plain_print(expected, sizeof expected, "a number of at least %g", least);
    else if (least <= -DBL_MAX)
        pb_plain_print(expected, sizeof expected, "a number of at most %g", most);
    else
        pb_plain_print(expected, sizeof expected, "a number from %g to %g", least, most);
    fail_value(config, key, i, expected, value);
    return false;
}

long pb_config_integer(pb_config *config, const char *key, long fallback, long least, long most)
{
    const json_t *value = ask(config, key);
    long result = fallback;

    if (value)
        get_integer(config, key, SIZE_MAX, value, least, most, &result);
    return result;
}

double pb_config_number(pb_config *config, const char *key, double fallback, double least,
                        double most)
{
    const json_t *value = ask(config, key);
    double result = fallback;

    if (value)
        get_number(config, key, SIZE_MAX, value, least, most, &result);
    return result;
}

bool pb_config_boolean(pb_config *config, const char *key, bool fallback)
{
    const json_t *value = ask(config, key);

    if (!value)
        return fallback;
    if (!json_is_boolean(value) && !json_is_null(value)) {
        fail_value(config, key, SIZE_MAX, "true or false", value);
        return fallback;
    }
    return json_is_true(value);
}

/* The list of a field, if it is one of at most `most` items; else NULL, with an error recorded
 * unless it is absent. */
static const json_t *ask_list(pb_config *config, const char *key, size_t most, const char *items)
{
    const json_t *value = ask(config, key);
    char expected[80];

    if (!value)
        return NULL;
    if (json_is_array(value) && json_array_size(value) <= most)
        return value;
    if (most == SIZE_MAX)
        snprintf(expected, sizeof expected, "a list of %s", items);
    else
        snprintf(expected, sizeof expected, "a list of at most %zu %s", most, items);
    fail_value(config, key, SIZE_MAX, expected, value);
    return NULL;
}

size_t pb_config_booleans(pb_config *config, const char *key, size_t most, bool *values)
{
    const json_t *value = ask(config, key);

    if (most > 0 && json_is_boolean(value)) {
        values[0] = json_is_true(value);
        return 1;
    }
    value = ask_list(config, key, most, "true or false");
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        if (!json_is_boolean(item)) {
            fail_value(config, key, i, "true or false", item);
            return 0;
        }
        values[i] = json_is_true(item);
    }
    return json_array_size(value);
}

const char *pb_config_string(pb_config *config, const char *key, const char *fallback)
{
    const json_t *value = ask(config, key);

    if (!value)
        return fallback;
    if (!json_is_string(value)) {
        fail_value(config, key, SIZE_MAX, "a string", value);
        return fallback;
    }
    return json_string_value(value);
}

size_t pb_config_integers(pb_config *config, const char *key, size_t most, long *values, long least,
                          long greatest)
{
    const json_t *value = ask(config, key);
    size_t n;

    if (most > 0 && json_is_number(value))
        return get_integer(config, key, SIZE_MAX, value, least, greatest, &values[0]);
    value = ask_list(config, key, most, "integers");
    n = json_array_size(value);
    for (size_t i = 0; i < n; i++)
        if (!get_integer(config, key, i, json_array_get(value, i), least, greatest, &values[i]))
            return 0;
    return n;
}

size_t pb_config_strings(pb_config *config, const char *key, size_t most, const char **values)
{
    const json_t *value = ask_list(config, key, most, "strings");
    size_t n = json_array_size(value);

    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(value, i);
        if (!json_is_string(item)) {
            fail_value(config, key, i, "a string", item);
            return 0;
        }
        values[i] = json_string_value(item);
    }
    return n;
}

size_t pb_config_numbers(pb_config *config, const char *key, size_t most, float **values)
{
    const json_t *value = ask_list(config, key, most, "numbers");
    size_t n = json_array_size(value);
    float *list;

    *values = NULL;
    if (n == 0)
        return 0;
    list = pb_malloc(n, sizeof *list);
    if (!list) {
        pb_config_fail(config, PB_MEMORY, key, "out of memory: %zu bytes", n * sizeof *list);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        double number;
        if (!get_number(config, key, i, json_array_get(value, i), -FLT_MAX, FLT_MAX, &number)) {
            pb_free(list);
            return 0;
        }
        list[i] = (float)number;
    }
    *values = list;
    return n;
}
