#include "models/cache.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/folder.h"
#include "base/memory.h"
#include "base/variable.h"

static const char mark[] = "models--";

/* -- where it is ----------------------------------------------------------------------------- */

char *pb_cache_expand(const char *path)
{
    const char *home = pb_variable("HOME");

    return home && path[0] == '~' && (path[1] == '/' || !path[1])
               ? pb_sprintf("%s%s", home, path + 1)
               : pb_strdup(path);
}

char *pb_cache_home(void)
{
    const char *home = pb_variable("HF_HOME"), *cache = pb_variable("XDG_CACHE_HOME");
    char *base, *folder;

    if (home)
        return pb_cache_expand(home);
    base = pb_cache_expand(cache ? cache : "~/.cache");
    folder = base ? pb_sprintf("%s/huggingface", base) : NULL;
    pb_free(base);
    return folder;
}

char *pb_cache_folder(void)
{
    const char *hub = pb_variable("HF_HUB_CACHE");
    char *home, *folder;

    if (!hub)
        hub = pb_variable("HUGGINGFACE_HUB_CACHE");
    if (hub)
        return pb_cache_expand(hub);
    home = pb_cache_home();
    folder = home ? pb_sprintf("%s/hub", home) : NULL;
    pb_free(home);
    return folder;
}

char *pb_cache_repository(const char *name, size_t length)
{
    const char *slash = memchr(name, '/', length);
    char *cache = pb_cache_folder(), *folder = NULL;
    size_t owner = slash ? (size_t)(slash - name) : 0;

    if (cache && slash)
        folder = pb_sprintf("%s/%s%.*s--%.*s", cache, mark, (int)owner, name,
                            (int)(length - owner - 1), slash + 1);
    pb_free(cache);
    return folder;
}

/* -- snapshots ------------------------------------------------------------------------------- */

/* The commit of refs/NAME, or "". */
static void read_commit(char commit[128], const char *repository, const char *name)
{
    char *path = pb_sprintf("%s/refs/%s", repository, name);
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
        if (!pb_is_folder(path)) {
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
    read_commit(commit, repository, "main");
    if (*commit) {
        *folder = pb_sprintf("%s/%s", snapshots, commit);
        if (!pb_is_folder(*folder)) {
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

/* The snapshot of one revision: a commit's, or that of the commit of a branch or tag. */
static pb_status find_revision(char **folder, const char *repository, const char *revision,
                               pb_error *error)
{
    char commit[128];

    if (!*revision || strstr(revision, ".."))
        return PB_OK;
    read_commit(commit, repository, revision);
    *folder = pb_sprintf("%s/snapshots/%s", repository, *commit ? commit : revision);
    if (!*folder)
        return pb_fail_memory(error, strlen(repository) + 11, "a path");
    if (!pb_is_folder(*folder)) {
        pb_free(*folder);
        *folder = NULL;
    }
    return PB_OK;
}

pb_status pb_cache_find(char **folder, char **unused, const char *name, pb_error *error)
{
    const char *slash = strchr(name, '/'), *at = strchr(name, '@');
    size_t length = at ? (size_t)(at - name) : strlen(name);
    char *repository;
    pb_status status;

    *folder = NULL;
    if (!slash || slash == name || slash + 1 >= name + length ||
        memchr(slash + 1, '/', length - (size_t)(slash + 1 - name)))
        return PB_OK;
    repository = pb_cache_repository(name, length);
    if (!repository)
        return pb_fail_memory(error, strlen(name), "a path");
    status = at ? find_revision(folder, repository, at + 1, error)
                : find_snapshot(folder, unused, repository, name, error);
    pb_free(repository);
    return status;
}

/* -- all of them ----------------------------------------------------------------------------- */

void pb_cache_visit(pb_model_visit visit, void *context)
{
    char *cache = pb_cache_folder();
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
