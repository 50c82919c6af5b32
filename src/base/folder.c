#include "base/folder.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"

bool pb_is_folder(const char *path)
{
    struct stat info;

    return path && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

#define DEEPEST 32

static size_t add_bytes(const char *path, bool links, int depth)
{
    DIR *directory = depth < DEEPEST ? opendir(path) : NULL;
    struct dirent *entry;
    size_t bytes = 0;

    while (directory && (entry = readdir(directory)) != NULL) {
        const bool self = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
        char *name = self ? NULL : pb_sprintf("%s/%s", path, entry->d_name);
        struct stat info;
        if (name && lstat(name, &info) == 0) {
            if (S_ISDIR(info.st_mode))
                bytes += add_bytes(name, links, depth + 1);
            else if (S_ISREG(info.st_mode) ||
                     (links && stat(name, &info) == 0 && S_ISREG(info.st_mode)))
                bytes += (size_t)info.st_size;
        }
        pb_free(name);
    }
    if (directory)
        closedir(directory);
    return bytes;
}

size_t pb_folder_bytes(const char *path, bool links)
{
    return add_bytes(path, links, 0);
}

/* Makes what is named up to each slash behind the first byte of `path`, and with `last` the whole.
 */
static pb_status make(const char *path, bool last, pb_error *error)
{
    char *part = pb_strdup(path);
    pb_status status = PB_OK;

    if (!part)
        return pb_fail_memory(error, strlen(path) + 1, "a path");
    for (char *at = part + 1; status == PB_OK && *part && at[-1]; at++) {
        const char ends = *at;
        if (ends != '/' && (ends || !last))
            continue;
        *at = '\0';
        if (mkdir(part, 0777) && !pb_is_folder(part))
            status = pb_fail_system(error, part, "cannot make the folder");
        *at = ends;
    }
    pb_free(part);
    return status;
}

pb_status pb_make_folders(const char *path, pb_error *error)
{
    return make(path, true, error);
}

pb_status pb_make_folders_above(const char *path, pb_error *error)
{
    return make(path, false, error);
}
