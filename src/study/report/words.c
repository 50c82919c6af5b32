#include "study/report/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/legible.h"
#include "base/memory.h"

/* How far two absolute paths agree, in whole names: the length of what they share. */
static size_t shared(const char *a, const char *b)
{
    size_t at = 0, i = 0;

    for (; a[i] && a[i] == b[i]; i++)
        if (a[i] == '/')
            at = i;
    if ((!a[i] || a[i] == '/') && (!b[i] || b[i] == '/'))
        at = i;
    return at;
}

/* A path as it is from a folder on; both absolute. */
static char *relative(const char *folder, const char *path)
{
    size_t at = shared(folder, path), up = 0, length;
    const char *rest = path[at] == '/' ? path + at + 1 : path + at;
    char *text;

    for (const char *c = folder + at; *c; c++)
        up += *c == '/' && c[1];
    length = 3 * up + strlen(rest) + 2;
    text = pb_malloc(length, 1);
    if (!text)
        return NULL;
    for (size_t i = 0; i < up; i++)
        memcpy(text + 3 * i, "../", 3);
    snprintf(text + 3 * up, length - 3 * up, "%s", rest);
    if (up && !*rest)
        text[3 * up - 1] = '\0'; /* ".." */
    return *text ? text : (memcpy(text, ".", 2), text);
}

static int names_files(const char *key)
{
    static const char *const keys[] = {"models",   "images", "costs", "catalogue",
                                       "schedule", "vae",    "config"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strcmp(key, keys[i]))
            return 1;
    return 0;
}

/* A file's name, on one line; of one that is there, its place. A model's name stays a name. */
static char *name_words(const char *name, const char *folder)
{
    char *absolute = realpath(name, NULL), *path = absolute ? relative(folder, absolute) : NULL;
    char *words = absolute && !path ? NULL : pb_legible(path ? path : name);

    free(absolute);
    pb_free(path);
    return words;
}

static char *list_words(const char *key, const json_t *list, const char *folder)
{
    char *all = pb_strdup("");

    for (size_t i = 0; all && i < json_array_size(list); i++) {
        char *one = pb_setting_words(key, json_array_get(list, i), folder);
        char *more = one ? pb_sprintf("%s%s%s", all, i ? "\n" : "", one) : NULL;
        pb_free(one);
        pb_free(all);
        all = more;
    }
    return all;
}

char *pb_setting_words(const char *key, const json_t *value, const char *folder)
{
    if (json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0) ||
        (!strcmp(key, "class") && json_integer_value(value) < 0))
        return pb_strdup("none");
    if (json_is_boolean(value))
        return pb_strdup(json_is_true(value) ? "yes" : "no");
    if (json_is_string(value))
        return names_files(key) ? name_words(json_string_value(value), folder)
                                : pb_strdup(json_string_value(value));
    if (json_is_array(value))
        return list_words(key, value, folder);
    if (json_is_integer(value))
        return pb_sprintf("%lld", (long long)json_integer_value(value));
    return pb_sprintf("%.6g", json_number_value(value));
}
