#include "models/original/beside.h"

#include <stdbool.h>
#include <string.h>

#include "base/ending.h"
#include "base/memory.h"
#include "io/file.h"
#include "io/json.h"
#include "io/yaml.h"

#define MOST_BYTES ((size_t)1 << 20)

char *pb_beside_path(const char *path, const char *ending)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    const size_t stem = dot && (!slash || dot > slash) ? (size_t)(dot - path) : strlen(path);

    return pb_sprintf("%.*s.%s", (int)stem, path, ending);
}

pb_status pb_beside(char **beside, const char *path, const char *ending, pb_error *error)
{
    pb_status status;
    bool there;

    *beside = pb_beside_path(path, ending);
    if (!*beside)
        return pb_fail_memory(error, strlen(path), "a path");
    status = pb_file_is_there(&there, *beside, error);
    if (status == PB_OK && there)
        return PB_OK;
    pb_free(*beside);
    *beside = NULL;
    return status;
}

static pb_status find(char **found, const char *path, pb_error *error)
{
    static const char *const endings[] = {"json", "yaml", "yml"};
    pb_status status = PB_OK;
    char *more;

    *found = NULL;
    for (size_t i = 0; status == PB_OK && i < sizeof endings / sizeof *endings; i++) {
        status = pb_beside(&more, path, endings[i], error);
        if (*found && more)
            status = pb_fail(error, PB_INVALID,
                             "%s: its settings are beside it twice, in %s and %s: one is to go",
                             path, *found, more);
        if (*found)
            pb_free(more);
        else
            *found = more;
    }
    if (status != PB_OK) {
        pb_free(*found);
        *found = NULL;
    }
    return status;
}

/* Of the settings, and of each part of them. */
static void drop_nulls(json_t *settings, bool parts)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(settings, next, key, value)
    {
        if (json_is_null(value))
            json_object_del(settings, key);
        else if (parts && json_is_object(value))
            drop_nulls(value, false);
    }
}

pb_status pb_beside_read(json_t **settings, char **beside, const char *path, pb_error *error)
{
    pb_status status;

    *settings = NULL;
    PB_TRY(find(beside, path, error));
    if (!*beside)
        return PB_OK;
    status = pb_ends_with(*beside, ".json")
                 ? pb_json_read(settings, *beside, MOST_BYTES, PB_JSON_INFINITY, error)
                 : pb_yaml_read(settings, *beside, error);
    if (status == PB_OK) {
        drop_nulls(*settings, true);
        return PB_OK;
    }
    pb_free(*beside);
    *beside = NULL;
    return status;
}
