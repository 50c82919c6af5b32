/* Where models lie, in the order in which it is looked at: the name as a path, the folder that
 * $PULLBACK_MODELS names, models/ of every place (base/places.h), and the cache of huggingface_hub,
 * which is laid out as
 *
 *     models--OWNER--NAME/refs/main              the commit that "main" was at
 *     models--OWNER--NAME/snapshots/COMMIT/…     the files of a commit
 */
#include "models/find.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/likeness.h"
#include "base/memory.h"
#include "base/places.h"

static bool is_folder(const char *path)
{
    struct stat info;

    return path && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* -- the cache ------------------------------------------------------------------------------- */

static const char *set_variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

/* A path with a leading ~ of the user's, as expanduser of Python has it; NULL: no memory. */
static char *expand(const char *path)
{
    const char *home = set_variable("HOME");

    return home && path[0] == '~' && (path[1] == '/' || !path[1])
               ? pb_sprintf("%s%s", home, path + 1)
               : pb_strdup(path);
}

/* The folder of the cache, as constants.py of huggingface_hub finds it; NULL: no memory. */
static char *cache_folder(void)
{
    const char *hub = set_variable("HF_HUB_CACHE"), *home = set_variable("HF_HOME");
    const char *cache = set_variable("XDG_CACHE_HOME");
    char *base, *folder;

    if (!hub)
        hub = set_variable("HUGGINGFACE_HUB_CACHE");
    if (hub)
        return expand(hub);
    base = home ? expand(home) : expand(cache ? cache : "~/.cache");
    folder = base ? pb_sprintf(home ? "%s/hub" : "%s/huggingface/hub", base) : NULL;
    pb_free(base);
    return folder;
}

/* The commit of refs/main, or "". */
static void read_commit(char commit[128], const char *repository)
{
    char *path = pb_sprintf("%s/refs/main", repository);
    FILE *file = path ? fopen(path, "re") : NULL;

    commit[0] = '\0';
    if (file) {
        if (!fgets(commit, 128, file))
            commit[0] = '\0';
        fclose(file);
    }
    commit[strcspn(commit, " \r\n")] = '\0';
    if (strchr(commit, '/') || commit[0] == '.')
        commit[0] = '\0'; /* no name of a folder */
    pb_free(path);
}

/* The snapshots but for one (or NULL), as "A, B"; *last: one of them. Both pb_free's, NULL: none.
 */
static void list_snapshots(const char *folder, const char *except, char **names, char **last)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;

    *names = *last = NULL;
    while (directory && (entry = readdir(directory)) != NULL) {
        char *path;
        if (entry->d_name[0] == '.' || (except && !strcmp(entry->d_name, except)))
            continue;
        path = pb_sprintf("%s/%s", folder, entry->d_name);
        if (!is_folder(path)) {
            pb_free(path);
            continue;
        }
        *names = pb_list_add(*names, path);
        pb_free(*last);
        *last = path;
    }
    if (directory)
        closedir(directory);
}

/* The snapshot of a repository that huggingface_hub takes when it may not ask the hub: that of
 * refs/main. Without one, the only snapshot there is. *folder NULL: no snapshot at all. */
static pb_status find_snapshot(char **folder, char **unused, const char *repository,
                               const char *name, pb_error *error)
{
    char *snapshots = pb_sprintf("%s/snapshots", repository), *others, *last, commit[128];
    pb_status status = PB_OK;

    *folder = NULL;
    if (!snapshots)
        return pb_fail_memory(error, strlen(repository) + 11, "a path");
    read_commit(commit, repository);
    if (*commit) {
        *folder = pb_sprintf("%s/%s", snapshots, commit);
        if (!is_folder(*folder)) {
            pb_free(*folder);
            *folder = NULL;
        }
    }
    list_snapshots(snapshots, *folder ? commit : NULL, &others, &last);
    if (*folder) {
        *unused = others;
        others = NULL;
    } else if (others && *commit)
        status = pb_fail(error, PB_IO,
                         "%s: refs/main of the Hugging Face cache names the snapshot %s, which is "
                         "not there: give one of those that are as the model: %s",
                         name, commit, others);
    else if (others && strcmp(others, last))
        status = pb_fail(error, PB_IO,
                         "%s: several snapshots in the Hugging Face cache, and no refs/main that "
                         "says which: give one of them as the model: %s",
                         name, others);
    else {
        *folder = last;
        last = NULL;
    }
    pb_free(others);
    pb_free(last);
    pb_free(snapshots);
    return status;
}

/* owner/name in the cache. *folder NULL: it is not there, or no such name. */
static pb_status find_cached(char **folder, char **unused, const char *name, pb_error *error)
{
    const char *slash = strchr(name, '/');
    char *cache, *repository;
    pb_status status;

    *folder = NULL;
    if (!slash || slash == name || strchr(slash + 1, '/') || !slash[1])
        return PB_OK;
    cache = cache_folder();
    repository =
        cache ? pb_sprintf("%s/models--%.*s--%s", cache, (int)(slash - name), name, slash + 1)
              : NULL;
    status = repository ? find_snapshot(folder, unused, repository, name, error)
                        : pb_fail_memory(error, strlen(name), "a path");
    pb_free(repository);
    pb_free(cache);
    return status;
}

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
    const char *named = set_variable("PULLBACK_MODELS");
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
        if (path && (i == 0 || i == PB_PLACES - 1 || is_folder(path)))
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
        if (is_folder(path))
            visit(context, entry->d_name);
        pb_free(path);
    }
    if (directory)
        closedir(directory);
}

/* Visits the repositories of the cache, "models--OWNER--NAME". */
static void visit_cached(pb_model_visit visit, void *context)
{
    static const char mark[] = "models--";
    char *cache = cache_folder();
    DIR *directory = cache ? opendir(cache) : NULL;
    struct dirent *entry;

    while (directory && (entry = readdir(directory)) != NULL) {
        const char *owner = entry->d_name + strlen(mark), *name;
        char *text;
        if (strncmp(entry->d_name, mark, strlen(mark)) || !(name = strstr(owner, "--")))
            continue;
        text = pb_sprintf("%.*s/%s", (int)(name - owner), owner, name + 2);
        if (text)
            visit(context, text);
        pb_free(text);
    }
    if (directory)
        closedir(directory);
    pb_free(cache);
}

void pb_models_visit(pb_model_visit visit, void *context)
{
    folders f;

    if (open_folders(&f, NULL) == PB_OK) {
        for (size_t i = 0; i < f.count; i++)
            visit_models(f.path[i], visit, context);
        close_folders(&f);
    }
    visit_cached(visit, context);
}

static void add_likely(void *likeness, const char *name)
{
    pb_likeness_add(likeness, name);
}

static pb_status fail_unknown(const char *name, const folders *f, pb_error *error)
{
    pb_likeness likeness = pb_likeness_to(name);
    char *cache = cache_folder(), *all = NULL;

    pb_models_visit(add_likely, &likeness);
    for (size_t i = 0; i < f->count; i++)
        all = pb_list_add(all, f->path[i]);
    pb_fail(error, PB_IO,
            "%s: no such model%s: looked for a folder of that name, here, in %s and in the Hugging "
            "Face cache, %s; give its path, or name the folder that holds it in PULLBACK_MODELS",
            name, pb_likeness_hint(&likeness).text, all ? all : "", cache ? cache : "");
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
    if (is_folder(path)) {
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
        status = find_cached(folder, unused, name, error);
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
    return *folder ? PB_OK
                   : pb_fail(error, PB_IO, "%s: no such model: there is no such folder or file", name);
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
