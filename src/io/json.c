#include "io/json.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
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

/* A number that Python writes and JSON has not: its length, or 0. */
static size_t not_a_number(const char *text, size_t left)
{
    static const char *const words[] = {"-Infinity", "Infinity", "NaN"};

    for (size_t i = 0; i < 3; i++)
        if (strlen(words[i]) <= left && !memcmp(text, words[i], strlen(words[i])))
            return strlen(words[i]);
    return 0;
}

/* Copies JSON as Python's json.dumps writes it: what is no number becomes null, and an integer that
 * 64 bits do not hold a real number. `out` has room for 4/3 of the size. Returns the new size. */
static size_t relax(char *out, const char *text, size_t size)
{
    bool quoted = false;
    size_t n = 0;

    for (size_t i = 0; i < size;) {
        size_t digits = 0, word = quoted ? 0 : not_a_number(text + i, size - i);
        if (word) {
            memcpy(out + n, "null", 4);
            n += 4;
            i += word;
            continue;
        }
        while (!quoted && i + digits < size && text[i + digits] >= '0' && text[i + digits] <= '9')
            digits++;
        if (digits) {
            char after = i + digits < size ? text[i + digits] : '\0';
            memcpy(out + n, text + i, digits);
            if (digits > 18 && after != '.' && after != 'e' && after != 'E')
                memcpy(out + n + digits - 2, "e2", 2);
            n += digits;
            i += digits;
            continue;
        }
        if (quoted && text[i] == '\\' && i + 1 < size)
            out[n++] = text[i++];
        else if (text[i] == '"')
            quoted = !quoted;
        out[n++] = text[i++];
    }
    return n;
}

static pb_status parse_relaxed(json_t **out, const char *path, const pb_mapping *mapping,
                               pb_error *error)
{
    size_t room = mapping->size + mapping->size / 3 + 1;
    char *text = pb_malloc(room, 1);
    pb_status status;

    if (!text)
        return pb_fail_memory(error, room, path);
    status = pb_json_parse(out, path, NULL, text,
                           relax(text, (const char *)mapping->data, mapping->size), error);
    pb_free(text);
    return status;
}

pb_status pb_json_read(json_t **out, const char *path, size_t most, pb_error *error)
{
    pb_mapping mapping;
    pb_status status;

    PB_TRY(pb_file_map(&mapping, path, error));
    if (mapping.size > most)
        status = pb_fail(error, PB_FORMAT, "%s: expected at most %zu bytes of JSON, found %zu",
                         path, most, mapping.size);
    else
        status = parse_relaxed(out, path, &mapping, error);
    pb_file_unmap(&mapping);
    return status;
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
        snprintf(result.text, size, "%.17g", json_real_value(value));
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
