#include "io/json.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/legible.h"
#include "base/memory.h"
#include "base/plain.h"
#include "io/file.h"

pb_status pb_json_parse(json_t **out, const char *path, const char *what, const void *text,
                        size_t size, pb_error *error)
{
    json_error_t found;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &found);
    const char *colon = what ? ": " : "";

    if (!what)
        what = "";
    if (!root) {
        /* jansson says nothing at all when an allocation fails in some places. */
        if (!found.text[0] || json_error_code(&found) == json_error_out_of_memory)
            return pb_fail_memory(error, size, path);
        return pb_fail(error, PB_FORMAT, "%s%s%s: line %d, column %d: %s", path, colon, what,
                       found.line, found.column, found.text);
    }
    if (!json_is_object(root)) {
        pb_fail(error, PB_FORMAT, "%s%s%s: expected a JSON object, found %s", path, colon, what,
                pb_json_found(root).text);
        json_decref(root);
        return PB_FORMAT;
    }
    *out = root;
    return PB_OK;
}

/* Is it an integer that 64 bits do not hold? `after`: what follows its digits. */
static bool is_beyond(const char *digits, size_t count, bool negative, char after)
{
    const char *most = negative ? "9223372036854775808" : "9223372036854775807";

    if (after == '.' || after == 'e' || after == 'E' || *digits == '0')
        return false;
    return count > 19 || (count == 19 && memcmp(digits, most, 19) > 0);
}

/* Makes JSON of what Python's json module writes in its place: a number as large as there is of
 * Infinity, a real number of a large integer. */
static void relax(char *text, size_t size, unsigned kinds)
{
    static const char infinity[] = "Infinity", number[] = "1e308   ";
    size_t length = sizeof infinity - 1;
    bool quoted = false;

    for (size_t i = 0; i < size; i++) {
        size_t digits = 0;
        if (quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        if (quoted || i >= size)
            continue;
        if (kinds & PB_JSON_INFINITY && length <= size - i && !memcmp(text + i, infinity, length))
            memcpy(text + i, number, length);
        while (i + digits < size && text[i + digits] >= '0' && text[i + digits] <= '9')
            digits++;
        if (digits == 0)
            continue;
        if (kinds & PB_JSON_LARGE && (i == 0 || text[i - 1] != '.') &&
            is_beyond(text + i, digits, i > 0 && text[i - 1] == '-',
                      i + digits < size ? text[i + digits] : '\0'))
            memcpy(text + i + digits - 2, "e2", 2);
        i += digits - 1;
    }
}

pb_status pb_json_read(json_t **out, const char *path, size_t most, unsigned kinds, pb_error *error)
{
    pb_bytes text;
    pb_status status;

    PB_TRY(pb_file_read(&text, path, most, error));
    if (kinds)
        relax((char *)text.data, text.size, kinds);
    status = pb_json_parse(out, path, NULL, text.data, text.size, error);
    pb_bytes_clear(&text);
    return status;
}

json_t *pb_json_name(const char *name)
{
    json_t *string = json_string(name);
    char *legible = string ? NULL : pb_legible(name);

    if (legible)
        string = json_string(legible);
    pb_free(legible);
    return string;
}

json_t *pb_json_counts(size_t count, const size_t *values)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer((json_int_t)values[i]));
    return list;
}

json_t *pb_json_reals(size_t count, const double *values)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_real(values[i]));
    return list;
}

char *pb_json_ascii(const json_t *object)
{
    return json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
}

pb_short pb_quote(const char *string)
{
    pb_short result;
    size_t most = 80, n = strnlen(string, most + 1);
    const char *dots = "";

    if (n > most) {
        dots = "...";
        n = most;
        while (n > 0 && ((unsigned char)string[n] & 0xC0) == 0x80)
            n--;
    }
    snprintf(result.text, sizeof result.text, "\"%.*s%s\"", (int)n, string, dots);
    return result;
}

pb_short pb_json_found(const json_t *value)
{
    pb_short result;
    const size_t size = sizeof result.text;

    if (!value)
        return (pb_short){"nothing"};
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return (pb_short){"an object"};
    case JSON_ARRAY:
        snprintf(result.text, size, "a list of %zu", json_array_size(value));
        return result;
    case JSON_STRING:
        return pb_quote(json_string_value(value));
    case JSON_INTEGER:
        snprintf(result.text, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return result;
    case JSON_REAL:
        pb_plain_print(result.text, size, "%.17g", json_real_value(value));
        return result;
    case JSON_TRUE:
        return (pb_short){"true"};
    case JSON_FALSE:
        return (pb_short){"false"};
    case JSON_NULL:
        break;
    }
    return (pb_short){"null"};
}
