#include "hub/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/memory.h"
#include "io/file.h"
#include "models/cache.h"

pb_status pb_hub_cache_open(pb_hub_cache *cache, const char *repository, const char *commit,
                            pb_error *error)
{
    char *folder = pb_cache_folder();
    const char *name;

    *cache = (pb_hub_cache){.repository = pb_cache_repository(repository, strlen(repository))};
    name = cache->repository ? strrchr(cache->repository, '/') : NULL;
    if (folder && name) {
        cache->locks = pb_sprintf("%s/.locks%s", folder, name);
        cache->snapshot = pb_sprintf("%s/snapshots/%s", cache->repository, commit);
    }
    pb_free(folder);
    return cache->locks && cache->snapshot ? PB_OK : pb_fail_memory(error, 300, "paths");
}

void pb_hub_cache_clear(pb_hub_cache *cache)
{
    pb_free(cache->repository);
    pb_free(cache->locks);
    pb_free(cache->snapshot);
    *cache = (pb_hub_cache){0};
}

char *pb_hub_blob_path(const pb_hub_cache *cache, const char *blob, const char *ending)
{
    return pb_sprintf("%s/blobs/%s%s", cache->repository, blob, ending);
}

/* Of a regular file; path: freed. */
static bool has_size(char *path, size_t *size)
{
    struct stat info;
    const bool there = path && stat(path, &info) == 0 && S_ISREG(info.st_mode);

    *size = there ? (size_t)info.st_size : 0;
    pb_free(path);
    return there;
}

bool pb_hub_is_present(const pb_hub_cache *cache, const pb_hub_file *file)
{
    size_t size;

    return (has_size(pb_hub_blob_path(cache, file->blob, ""), &size) && size == file->size) ||
           (has_size(pb_sprintf("%s/%s", cache->snapshot, file->name), &size) &&
            size == file->size);
}

size_t pb_hub_begun(const pb_hub_cache *cache, const pb_hub_file *file)
{
    size_t size;

    has_size(pb_hub_blob_path(cache, file->blob, ".incomplete"), &size);
    return size < file->size ? size : file->size;
}

/* "../../" and so on, from the folder that a file lies in up to the repository's; then the blob. */
static char *target_of(const pb_hub_file *file)
{
    char *target = pb_sprintf("../../blobs/%s", file->blob);

    for (const char *at = file->name; target && (at = strchr(at, '/')) != NULL; at++) {
        char *deeper = pb_sprintf("../%s", target);
        pb_free(target);
        target = deeper;
    }
    return target;
}

/* Does the link lead there? */
static bool leads_to(const char *path, const char *target)
{
    char found[4096];
    ssize_t n = readlink(path, found, sizeof found);

    return n == (ssize_t)strlen(target) && !memcmp(found, target, (size_t)n);
}

/* Makes a link, in the place of whatever has its name. */
static pb_status make_link(const char *path, const char *target, pb_error *error)
{
    char *fresh;
    pb_status status = PB_OK;

    if (symlink(target, path) == 0)
        return PB_OK;
    if (errno != EEXIST)
        return pb_fail_system(error, path, "cannot make a link");
    fresh = pb_sprintf("%s.%ld.tmp", path, (long)getpid());
    if (!fresh)
        return pb_fail_memory(error, strlen(path), "a path");
    if (symlink(target, fresh) || rename(fresh, path)) {
        status = pb_fail_system(error, path, "cannot make a link");
        unlink(fresh);
    }
    pb_free(fresh);
    return status;
}

pb_status pb_hub_link(const pb_hub_cache *cache, const pb_hub_file *file, pb_error *error)
{
    char *path = pb_sprintf("%s/%s", cache->snapshot, file->name), *target = target_of(file);
    char *blob = pb_hub_blob_path(cache, file->blob, "");
    pb_status status = path && target && blob ? pb_make_folders_above(path, error)
                                              : pb_fail_memory(error, 300, "paths");

    /* Without a blob it is a file of its own there, as where links cannot be made. */
    if (status == PB_OK && access(blob, F_OK) == 0 && !leads_to(path, target))
        status = make_link(path, target, error);
    pb_free(path);
    pb_free(target);
    pb_free(blob);
    return status;
}

/* Is that what the file says already? */
static bool says(const char *path, const char *text)
{
    pb_bytes bytes = {NULL, 0};
    const bool same = pb_file_read(&bytes, path, 1000, NULL) == PB_OK &&
                      bytes.size == strlen(text) && !memcmp(bytes.data, text, bytes.size);

    pb_bytes_clear(&bytes);
    return same;
}

pb_status pb_hub_note(const pb_hub_cache *cache, const char *revision, const char *commit,
                      pb_error *error)
{
    char *path = pb_sprintf("%s/refs/%s", cache->repository, revision);
    pb_status status =
        path ? pb_make_folders_above(path, error) : pb_fail_memory(error, 300, "a path");

    if (status == PB_OK && !says(path, commit))
        status = pb_file_write(path, commit, strlen(commit), error);
    pb_free(path);
    return status;
}
