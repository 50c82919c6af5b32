#include "base/places.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

/* The folder above the one in which the running program lies: "" where it cannot be told. */
static void program_root(char root[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", root, PATH_MAX - 1);
    char *slash;

    root[n > 0 ? n : 0] = '\0';
    for (int i = 0; i < 2; i++) {
        slash = strrchr(root, '/');
        if (!slash) {
            *root = '\0';
            return;
        }
        *slash = '\0';
    }
}

static const char library_folder_is_here;

/* The folder in which this library lies, or the program that it is part of: "" where it cannot be
 * told. */
static void library_folder(char folder[PATH_MAX])
{
    Dl_info info;
    const char *slash = NULL;

    if (dladdr((const void *)&library_folder_is_here, &info) && info.dli_fname)
        slash = strrchr(info.dli_fname, '/');
    snprintf(folder, PATH_MAX, "%.*s", slash ? (int)(slash - info.dli_fname) : 0,
             slash ? info.dli_fname : "");
}

pb_status pb_place(char **path, size_t place, const char *name, pb_error *error)
{
    char root[PATH_MAX];

    *path = NULL;
    if (place == 0)
        *path = pb_strdup(name);
    else if (place == PB_PLACES - 1)
        *path = pb_sprintf("%s/%s", PB_DATA_DIR, name);
    else if (place == 3) {
        library_folder(root);
        if (!*root)
            return PB_OK;
        *path = pb_sprintf("%s/data/%s", root, name);
    } else {
        program_root(root);
        if (!*root)
            return PB_OK;
        *path = pb_sprintf(place == 1 ? "%s/%s" : "%s/share/pullback/%s", root, name);
    }
    return *path ? PB_OK : pb_fail_memory(error, strlen(name) + 1, "a path");
}

pb_status pb_place_find(char **path, const char *name, pb_error *error)
{
    char *places = NULL;
    pb_status status = PB_OK;
    int found = 0;

    *path = NULL;
    for (size_t i = 0; status == PB_OK && !found && i < PB_PLACES; i++) {
        status = pb_place(path, i, name, error);
        found = *path && access(*path, F_OK) == 0;
        if (!found && *path) {
            places = pb_list_add(places, *path);
            if (!places)
                status = pb_fail_memory(error, strlen(*path), "a list of places");
            pb_free(*path);
            *path = NULL;
        }
    }
    if (status == PB_OK && !found)
        status = pb_fail(error, PB_IO, "looked for %s", places ? places : name);
    pb_free(places);
    return status;
}
