/* Where models lie, in the order in which it is looked at: the name as a path, the folder that
 * $PULLBACK_MODELS names, models/ of every place (base/places.h), and the cache of huggingface_hub
 * (models/cache.h). */
#include "models/find.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/ending.h"
#include "base/folder.h"
#include "base/likeness.h"
#include "base/memory.h"
#include "base/places.h"
#include "base/variable.h"
#include "models/cache.h"

/* -- folders of models ----------------------------------------------------------------------- */

/* The folders that models are looked for in by their names. */
typedef struct folders {
    char *path[1 + PB_PLACES];
    size_t count;
} folders;

static void close_folders(folders *f)
{
    for (size_t i = 0; i < f->count; i++)
        pb_free(f->path[i]);
}

static bool is_same_folder(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Adds a folder, unless it is one of them under another name. path: taken over. */
static void add_folder(folders *f, char *path)
{
    for (size_t i = 0; i < f->count; i++)
        if (is_same_folder(f->path[i], path)) {
            pb_free(path);
            return;
        }
    f->path[f->count++] = path;
}

static pb_status open_folders(folders *f, pb_error *error)
{
    const char *named = pb_variable("PULLBACK_MODELS");
    char *path;

    *f = (folders){.count = 0};
    if (named) {
        path = pb_strdup(named);
        if (!path)
            return pb_fail_memory(error, strlen(named) + 1, "a path");
        add_folder(f, path);
    }
    for (size_t i = 0; i < PB_PLACES; i++) {
        pb_status status = pb_place(&path, i, "models", error);
        if (status != PB_OK) {
            close_folders(f);
            return status;
        }
        /* Beside a program there need not be any: those are not spoken of. */
        if (path && (i == 0 || i == PB_PLACES - 1 || pb_is_folder(path)))
            add_folder(f, path);
        else
            pb_free(path);
    }
    return PB_OK;
}

/* -- names ----------------------------------------------------------------------------------- */

/* Visits the models in a folder. */
static void visit_models(const char *folder, pb_model_visit visit, void *context)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;

    while (directory && (entry = readdir(directory)) != NULL) {
        char *path = entry->d_name[0] == '.' ? NULL : pb_sprintf("%s/%s", folder, entry->d_name);
        if (pb_is_folder(path))
            visit(context, entry->d_name);
        pb_free(path);
    }
    if (directory)
        closedir(directory);
}

void pb_models_visit(pb_model_visit visit, void *context)
{
    folders f;

    if (open_folders(&f, NULL) == PB_OK) {
        for (size_t i = 0; i < f.count; i++)
            visit_models(f.path[i], visit, context);
        close_folders(&f);
    }
    pb_cache_visit(visit, context);
}

static void add_likely(void *likeness, const char *name)
{
    pb_likeness_add(likeness, name);
}

/* OWNER/NAME, as a hub has it? */
static bool has_owner(const char *name)
{
    const char *slash = strchr(name, '/');

    return slash && slash > name && slash[1] && name[0] != '.' && name[0] != '~' &&
           !strchr(slash + 1, '/');
}

static pb_status fail_no_path(const char *name, pb_error *error)
{
    return pb_fail(error, PB_IO, "%s: no such model: there is no such folder or file", name);
}

static pb_status fail_unknown(const char *name, const folders *f, pb_error *error)
{
    pb_likeness likeness = pb_likeness_to(name);
    const bool owned = has_owner(name);
    char *cache, *all = NULL;

    if (name[0] == '.' || pb_names_weights(name))
        return fail_no_path(name, error);
    cache = pb_cache_folder();
    pb_models_visit(add_likely, &likeness);
    for (size_t i = 0; i < f->count; i++)
        all = pb_list_add(all, f->path[i]);
    pb_fail(error, PB_IO,
            "%s: no such model%s: looked for a folder of that name, here, in %s and in the Hugging "
            "Face cache, %s; give its path, or name the folder that holds it in PULLBACK_MODELS"
            "%s%s%s",
            name, pb_likeness_hint(&likeness).text, all ? all : "", cache ? cache : "",
            owned ? " (pullback fetch " : "", owned ? name : "", owned ? " brings it there)" : "");
    pb_free(cache);
    pb_free(all);
    return PB_IO;
}

/* Takes one place if it is a folder: as the model's, or as another that it could have been. path:
 * taken over; NULL: no memory for it. */
static pb_status try_folder(char **folder, char **unused, char *path, pb_error *error)
{
    if (!path)
        return pb_fail_memory(error, 1, "a path");
    if (pb_is_folder(path)) {
        if (!*folder) {
            *folder = path;
            return PB_OK;
        }
        if (!is_same_folder(*folder, path))
            *unused = pb_list_add(*unused, path);
    }
    pb_free(path);
    return PB_OK;
}

/* A name that is no path: in the folders of models, then in the cache. */
static pb_status find_named(char **folder, char **unused, const char *name, pb_error *error)
{
    pb_status status;
    folders f;

    PB_TRY(open_folders(&f, error));
    status = PB_OK;
    for (size_t i = 0; status == PB_OK && i < f.count; i++)
        status = try_folder(folder, unused, pb_sprintf("%s/%s", f.path[i], name), error);
    if (status == PB_OK && !*folder)
        status = pb_cache_find(folder, unused, name, error);
    if (status == PB_OK && !*folder)
        status = fail_unknown(name, &f, error);
    close_folders(&f);
    return status;
}

static pb_status find(char **folder, char **unused, const char *name, pb_error *error)
{
    struct stat info;

    if (!*name)
        return pb_fail(error, PB_INVALID, "a model's name is empty");
    PB_TRY(try_folder(folder, unused, pb_strdup(name), error));
    if (!*folder && stat(name, &info) == 0) {
        *folder = pb_strdup(name);
        return *folder ? PB_OK : pb_fail_memory(error, strlen(name) + 1, "a path");
    }
    if (name[0] != '/')
        return find_named(folder, unused, name, error);
    return *folder ? PB_OK : fail_no_path(name, error);
}

pb_status pb_model_find(char **folder, char **unused, const char *name, pb_error *error)
{
    pb_status status;

    *folder = *unused = NULL;
    status = find(folder, unused, name, error);
    if (status != PB_OK) {
        pb_free(*folder);
        pb_free(*unused);
        *folder = *unused = NULL;
    }
    return status;
}
