#include "program.h"

#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

static void read_back(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(text, 1, size - 1, file) : 0;

    text[n] = '\0';
    if (file)
        fclose(file);
    unlink(path);
}

/* Starts it with these words; where its output goes: NULL, nowhere else. -1: it cannot be started.
 */
static pid_t launch(const char *folder, const char *const *words, const char *out,
                    const char *error)
{
    char path[] = PB_BINARY_DIR "/pullback", *arguments[64] = {path};
    posix_spawn_file_actions_t actions;
    pid_t child = -1;

    for (size_t i = 0; words[i] && i < 62; i++)
        arguments[i + 1] = (char *)words[i];
    posix_spawn_file_actions_init(&actions);
    if (out)
        posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, error, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addchdir_np(&actions, folder);
    if (posix_spawn(&child, path, &actions, NULL, arguments, environ))
        child = -1;
    posix_spawn_file_actions_destroy(&actions);
    return child;
}

/* Cuts a line at its spaces; at most 62 words, and a NULL. */
static void split(char *line, const char *words[63])
{
    size_t count = 0;

    for (char *word = strtok(line, " "); word && count < 62; word = strtok(NULL, " "))
        words[count++] = word;
    words[count] = NULL;
}

const outcome *program_of(const char *folder, const char *const *words)
{
    static outcome result;
    char out[600], error[600];
    int status = 0;
    pid_t child;

    snprintf(out, sizeof out, "%s/.out", folder);
    snprintf(error, sizeof error, "%s/.error", folder);
    result.status = 127;
    child = launch(folder, words, out, error);
    if (child > 0) {
        waitpid(child, &status, 0);
        result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    read_back(out, result.out, sizeof result.out);
    read_back(error, result.error, sizeof result.error);
    return &result;
}

const outcome *program(const char *folder, const char *format, ...)
{
    const char *words[63];
    char line[4096];
    va_list list;

    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    split(line, words);
    return program_of(folder, words);
}

pid_t program_start(const char *folder, const char *error, const char *format, ...)
{
    const char *words[63];
    char line[4096], path[600];
    va_list list;
    pid_t child;

    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    snprintf(path, sizeof path, "%s/%s", folder, error);
    split(line, words);
    child = launch(folder, words, NULL, path);
    assert_true(child > 0);
    return child;
}

int program_wait(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

void expect(const outcome *o, int status, const char *message)
{
    if (o->status != status)
        fail_msg("status %d, expected %d: %s", o->status, status, o->error);
    if (message && !strstr(o->error, message))
        fail_msg("expected \"%s\", found \"%s\"", message, o->error);
}

json_t *object_of(const outcome *o)
{
    json_error_t error;
    json_t *object = json_loads(o->out, JSON_REJECT_DUPLICATES, &error);

    if (o->status != 0)
        fail_msg("status %d: %s", o->status, o->error);
    if (!json_is_object(object))
        fail_msg("not one JSON object: %s in %s", error.text, o->out);
    return object;
}
