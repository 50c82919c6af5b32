#include "picture/plot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/file.h"

extern char **environ;

/* May it stand in gnuplot's quotes as it is? After an octal number no digit may. */
static bool is_plain(char c, bool after_number)
{
    bool is_digit = c >= '0' && c <= '9';

    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (is_digit && !after_number) ||
           (c && strchr(" .,:()_-+=/", c));
}

void pb_plot_quote(FILE *stream, const char *text)
{
    bool after_number = false;

    putc('"', stream);
    for (; *text; text++) {
        if (is_plain(*text, after_number)) {
            putc(*text, stream);
            after_number = false;
        } else {
            fprintf(stream, "\\%03o", (unsigned)(unsigned char)*text);
            after_number = true;
        }
    }
    putc('"', stream);
}

/* The length of the path of its folder, with the slash. */
static size_t above(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? (size_t)(slash + 1 - path) : 0;
}

/* Collects what a child writes to its standard error, until it ends. */
static void drain(int pipe, char *text, size_t size)
{
    char rest[256];
    size_t length = 0;
    ssize_t n;

    do {
        n = length + 1 < size ? read(pipe, text + length, size - 1 - length)
                              : read(pipe, rest, sizeof rest);
        if (n > 0 && length + 1 < size)
            length += (size_t)n;
    } while (n > 0 || (n < 0 && errno == EINTR));
    text[length] = '\0';
}

/* Starts gnuplot in a folder beside the script. */
static int start(pid_t *child, const char *folder, const char *script, int standard_error)
{
    char program[] = "gnuplot", *name = pb_sprintf("../%s", script + above(script));
    char *arguments[] = {program, name, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, limits;
    int failed;

    if (!name)
        return ENOMEM;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, folder);
    posix_spawn_file_actions_adddup2(&actions, standard_error, 2);
    posix_spawnattr_init(&attributes); /* control-C stops the child, though not this thread */
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    sigemptyset(
        &limits); /* a file that may not grow stops it, or it would go on with half of one */
    sigaddset(&limits, SIGXFSZ);
    posix_spawnattr_setsigdefault(&attributes, &limits);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    failed = posix_spawnp(child, program, &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    pb_free(name);
    return failed;
}

/* Runs it to its end. */
static pb_status draw(const char *folder, const char *script, pb_error *error)
{
    int ends[2], failed, result = 0;
    char message[512] = "";
    pid_t child;

    if (pipe2(ends, O_CLOEXEC))
        return pb_fail(error, PB_IO, "%s: gnuplot cannot be started: %s", script, strerror(errno));
    failed = start(&child, folder, script, ends[1]);
    close(ends[1]);
    if (!failed) {
        drain(ends[0], message, sizeof message);
        while (waitpid(child, &result, 0) < 0 && errno == EINTR)
            ;
    }
    close(ends[0]);
    if (failed)
        return pb_fail(error, PB_IO, "gnuplot: %s (install gnuplot-nox; %s is ready to be run)",
                       strerror(failed), script);
    if (WIFSIGNALED(result))
        return pb_fail(error, PB_IO, "gnuplot %s: ended by signal %d%s", script, WTERMSIG(result),
                       WTERMSIG(result) == SIGXFSZ ? ": a file would grow beyond the limit" : "");
    if (!WIFEXITED(result) || WEXITSTATUS(result) != 0)
        return pb_fail(error, PB_IO, "gnuplot %s: %s", script, message);
    return PB_OK;
}

/* gnuplot does not notice when the disk is full. Does the picture end as its format ends? */
static bool is_whole(const pb_bytes *picture)
{
    static const char png[] = "IEND\xae\x42\x60\x82", svg[] = "</svg>";
    const unsigned char *data = picture->data;
    size_t size = picture->size;

    if (memmem(data, size, "\x89PNG", 4) == data)
        return size >= 8 && !memcmp(data + size - 8, png, 8);
    return !memmem(data, size, "<svg", 4) || memmem(data, size, svg, sizeof svg - 1);
}

/* Copies a picture, whole or not at all. */
static pb_status copy(const char *from, const char *to, pb_error *error)
{
    pb_bytes picture;
    pb_status status;

    PB_TRY(pb_file_read(&picture, from, SIZE_MAX, error));
    status = is_whole(&picture)
                 ? pb_file_write(to, picture.data, picture.size, error)
                 : pb_fail(error, PB_IO, "%s: gnuplot could not write all of it: %zu bytes", to,
                           picture.size);
    pb_bytes_clear(&picture);
    return status;
}

/* Copies a picture of the folder to where it belongs. */
static pb_status place(const char *folder, const char *name, const char *script,
                       const char *picture, pb_error *error)
{
    char *from = pb_sprintf("%s/%s", folder, name);
    char *to =
        picture ? pb_strdup(picture) : pb_sprintf("%.*s%s", (int)above(script), script, name);
    pb_status status =
        from && to ? copy(from, to, error) : pb_fail_memory(error, strlen(script), "a path");

    pb_free(from);
    pb_free(to);
    return status;
}

/* Copies the pictures of a folder to where they belong, if status, which it goes on from, is PB_OK;
 * removes the folder. */
static pb_status gather(const char *folder, const char *script, const char *picture,
                        pb_status status, pb_error *error)
{
    DIR *list = opendir(folder);
    struct dirent *entry;

    if (!list && status == PB_OK)
        status = pb_fail(error, PB_IO, "%s: cannot list: %s", folder, strerror(errno));
    while (list && (entry = readdir(list))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (status == PB_OK)
            status = place(folder, entry->d_name, script, picture, error);
        unlinkat(dirfd(list), entry->d_name, 0);
    }
    if (list)
        closedir(list);
    rmdir(folder);
    return status;
}

pb_status pb_plot_run(const char *script, const char *picture, pb_error *error)
{
    pb_temporary folder;
    int reason = pb_temporary_folder(&folder, script);
    pb_status status;

    if (reason)
        return pb_fail(error, PB_IO, "%s: a folder beside it: %s", script, strerror(reason));
    status = draw(folder.path, script, error);
    status = gather(folder.path, script, picture, status, error);
    pb_temporary_end(&folder);
    return status;
}
