#include "picture/plot.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

extern char **environ;

void pb_plot_quote(FILE *stream, const char *text)
{
    putc('"', stream);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', stream);
        putc(*text == '\n' ? ' ' : *text, stream);
    }
    putc('"', stream);
}

const char *pb_plot_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
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

pb_status pb_plot_run(const char *script, pb_error *error)
{
    size_t folder = (size_t)(pb_plot_name(script) - script);
    char *directory = folder ? pb_sprintf("%.*s", (int)folder, script) : pb_strdup(".");
    char program[] = "gnuplot", *name = pb_strdup(pb_plot_name(script)), message[512];
    char *arguments[] = {program, name, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int ends[2], failed, result = 0;
    pb_status status = PB_OK;
    pid_t child;

    if (!directory || !name || pipe(ends)) {
        pb_free(directory);
        pb_free(name);
        return pb_fail(error, PB_MEMORY, "%s: gnuplot cannot be started", script);
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, directory);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    posix_spawnattr_init(&attributes); /* control-C stops the child, though not this thread */
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    failed = posix_spawnp(&child, program, &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (failed) {
        status = pb_fail(error, PB_IO, "gnuplot: %s (install gnuplot-nox; %s is ready to be run)",
                         strerror(failed), script);
    } else {
        drain(ends[0], message, sizeof message);
        while (waitpid(child, &result, 0) < 0 && errno == EINTR)
            ;
        if (!WIFEXITED(result) || WEXITSTATUS(result) != 0)
            status = pb_fail(error, PB_IO, "gnuplot %s: %s", script, message);
    }
    close(ends[0]);
    pb_free(directory);
    pb_free(name);
    return status;
}
