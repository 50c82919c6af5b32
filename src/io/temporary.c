#include "io/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/memory.h"

#define ENDING ".tmp"
#define DIGITS 16
#define ATTEMPTS 100

/* -- making ------------------------------------------------------------------------------------ */

static int make_file(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

static int make_folder(const char *path)
{
    int folder, reason;

    if (mkdir(path, 0700))
        return -1;
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        reason = errno;
        rmdir(path);
        errno = reason;
    }
    return folder;
}

/* Locks what was just made; 0, or the reason why not. Who sweeps may have come before: then it is
 * gone, or about to be (EEXIST: another name). Where there are no locks nobody sweeps. */
static int lock_new(int descriptor)
{
    struct stat info;

    if (flock(descriptor, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return EEXIST;
    if (fstat(descriptor, &info))
        return errno;
    return info.st_nlink > 0 ? 0 : EEXIST;
}

/* open(2) rather than mkstemp: the kernel then applies the umask (which cannot be read without
 * changing it) and the folder's own rules. */
static int make(pb_temporary *t, const char *beside, int (*maker)(const char *path))
{
    const char *slash = strrchr(beside, '/');
    int folder = slash ? (int)(slash + 1 - beside) : 0;

    *t = PB_TEMPORARY_NONE;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        uint64_t number;
        int reason;

        if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
            return errno;
        t->path = pb_sprintf("%.*s" PB_TEMPORARY_PREFIX "%0*jx" ENDING, folder, beside, DIGITS,
                             (uintmax_t)number);
        if (!t->path)
            return ENOMEM;
        t->lock = maker(t->path);
        reason = t->lock < 0 ? errno : lock_new(t->lock);
        if (reason == 0)
            return 0;
        if (t->lock >= 0)
            remove(t->path);
        pb_temporary_end(t);
        if (reason != EEXIST)
            return reason;
    }
    return EEXIST;
}

int pb_temporary_file(pb_temporary *temporary, const char *beside)
{
    return make(temporary, beside, make_file);
}

int pb_temporary_folder(pb_temporary *temporary, const char *beside)
{
    return make(temporary, beside, make_folder);
}

void pb_temporary_end(pb_temporary *t)
{
    if (t->lock >= 0)
        close(t->lock);
    pb_free(t->path);
    *t = PB_TEMPORARY_NONE;
}

/* -- sweeping ---------------------------------------------------------------------------------- */

/* Is it a file system that no other machine writes to? There a lock may be unknown here, and its
 * owner alive. */
static bool is_local(int folder)
{
    static const unsigned long local[] = {
        EXT4_SUPER_MAGIC,      XFS_SUPER_MAGIC,  BTRFS_SUPER_MAGIC, TMPFS_MAGIC,
        OVERLAYFS_SUPER_MAGIC, F2FS_SUPER_MAGIC, RAMFS_MAGIC,       0x2fc12fc1 /* ZFS */};
    struct statfs info;

    if (fstatfs(folder, &info))
        return false;
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if ((unsigned long)info.f_type == local[i])
            return true;
    return false;
}

static bool is_named(const char *name)
{
    size_t prefix = sizeof PB_TEMPORARY_PREFIX - 1;

    return !strncmp(name, PB_TEMPORARY_PREFIX, prefix) &&
           strspn(name + prefix, "0123456789abcdef") == DIGITS &&
           !strcmp(name + prefix + DIGITS, ENDING);
}

/* A folder as make_folder leaves one: another one that somebody has given such a name is not. */
static bool is_private(const struct stat *info)
{
    return S_ISDIR(info->st_mode) && (info->st_mode & 0777) == 0700;
}

/* Opens what may be swept, and locks it: -1 where it is somebody's. */
static int take(int folder, const char *name, struct stat *info)
{
    int entry;

    if (!is_named(name) || fstatat(folder, name, info, AT_SYMLINK_NOFOLLOW) ||
        info->st_uid != geteuid() || !(S_ISREG(info->st_mode) || S_ISDIR(info->st_mode)))
        return -1;
    entry = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (entry < 0)
        return -1;
    if (flock(entry, LOCK_EX | LOCK_NB) == 0 && fstat(entry, info) == 0 &&
        info->st_uid == geteuid() && (S_ISREG(info->st_mode) || is_private(info)))
        return entry;
    close(entry);
    return -1;
}

/* Removes the files of a folder; takes the descriptor over. */
static void empty(int folder)
{
    DIR *list = folder < 0 ? NULL : fdopendir(folder);
    struct dirent *entry;

    while (list && (entry = readdir(list)))
        unlinkat(folder, entry->d_name, 0); /* fails for folders */
    if (list)
        closedir(list);
    else if (folder >= 0)
        close(folder);
}

void pb_temporary_sweep(const char *folder)
{
    DIR *list = opendir(folder);
    bool may = list && is_local(dirfd(list));
    struct dirent *entry;

    while (may && (entry = readdir(list))) {
        struct stat info;
        int taken = take(dirfd(list), entry->d_name, &info);

        if (taken < 0)
            continue;
        if (S_ISDIR(info.st_mode))
            empty(openat(taken, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        unlinkat(dirfd(list), entry->d_name, S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0);
        close(taken);
    }
    if (list)
        closedir(list);
}
