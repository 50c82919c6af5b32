#include "models/original/beside.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/ending.h"
#include "base/memory.h"
#include "io/json.h"
#include "io/yaml.h"

#define MOST_BYTES ((size_t)1 << 20)

pb_status pb_beside(char **beside, const char *path, const char *ending, pb_error *error)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    const size_t stem = dot && (!slash || dot > slash) ? (size_t)(dot - path) : strlen(path);
    pb_status status = PB_OK;
    struct stat info;

    *beside = pb_sprintf("%.*s.%s", (int)stem, path, ending);
    if (!*beside)
        return pb_fail_memory(error, stem, "a path");
    if (stat(*beside, &info)) {
        if (errno != ENOENT && errno != ENOTDIR)
            status = pb_fail_system(error, *beside, NULL);
        pb_free(*beside);
        *beside = NULL;
    }
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
        if (*found && more) {
            status = pb_fail(error, PB_INVALID,
                             "%s: its settings are beside it twice, in %s and %s: one is to go",
                             path, *found, more);
            pb_free(more);
        } else
            *found = more ? more : *found;
    }
    if (status != PB_OK) {
        pb_free(*found);
        *found = NULL;
    }
    return status;
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
    if (status != PB_OK) {
        pb_free(*beside);
        *beside = NULL;
    }
    return status;
}
