#include "picture/spectrum.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/file.h"

extern char **environ;

static pb_status write_data(const pb_spectrum *s, const char *path, pb_error *error)
{
    pb_output output = PB_OUTPUT_EMPTY;

    PB_TRY(pb_output_open(&output, path, error));
    fprintf(output.stream, "index,sigma,residual,angle_bound\n");
    for (size_t i = 0; i < s->count; i++)
        fprintf(output.stream, "%zu,%.9g,%.3g,%.3g\n", i, s->sigma[i], s->residual[i],
                s->angle_bound[i]);
    return pb_output_commit(&output, error);
}

/* Text within double quotes of gnuplot. */
static void print_quoted(FILE *stream, const char *text)
{
    putc('"', stream);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', stream);
        putc(*text == '\n' ? ' ' : *text, stream);
    }
    putc('"', stream);
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static pb_status write_script(const pb_spectrum *s, const char *path, const char *data,
                              const char *picture, pb_error *error)
{
    pb_output output = PB_OUTPUT_EMPTY;
    FILE *f;

    PB_TRY(pb_output_open(&output, path, error));
    f = output.stream;
    fprintf(f, "# gnuplot %s\n", file_name(path));
    fprintf(f, "set terminal pngcairo size 900,600 font \"DejaVu Sans,11\" noenhanced\n");
    fprintf(f, "set output ");
    print_quoted(f, file_name(picture));
    fprintf(f, "\nset datafile separator comma\nset title ");
    print_quoted(f, s->title);
    fprintf(f,
            "\nset xlabel \"index\"\n"
            "set ylabel \"singular value\"\n"
            "set y2label \"residual / largest singular value\"\n"
            "set logscale y\nset logscale y2\n"
            "set format y \"%%g\"\nset format y2 \"%%.0e\"\n"
            "set ytics nomirror\nset y2tics\n"
            "set grid xtics ytics linecolor rgb \"#dddddd\"\n"
            "set key top right\n"
            "set xrange [-0.5:%zu-0.5]\n",
            s->count);
    fprintf(f, "plot ");
    print_quoted(f, file_name(data));
    fprintf(f, " every ::1 using 1:2 axes x1y1 with linespoints pointtype 7 pointsize 0.7 "
               "linecolor rgb \"#2166ac\" title \"singular value\", \\\n     ");
    print_quoted(f, file_name(data));
    fprintf(f,
            " every ::1 using 1:3 axes x1y2 with points pointtype 1 pointsize 0.7 "
            "linecolor rgb \"#b2182b\" title \"residual\", \\\n"
            "     %g axes x1y2 with lines dashtype 2 linecolor rgb \"#b2182b\" "
            "title \"tolerance\"\n",
            s->tolerance);
    return pb_output_commit(&output, error);
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

/* Runs gnuplot on a script in the folder where it lies. */
static pb_status run_gnuplot(const char *script, pb_error *error)
{
    size_t folder = (size_t)(file_name(script) - script);
    char *directory = folder ? pb_sprintf("%.*s", (int)folder, script) : pb_strdup(".");
    char program[] = "gnuplot", *name = pb_strdup(file_name(script)), message[512];
    char *arguments[] = {program, name, NULL};
    posix_spawn_file_actions_t actions;
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
    failed = posix_spawnp(&child, program, &actions, NULL, arguments, environ);
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

pb_status pb_spectrum_plot(const pb_spectrum *spectrum, const char *stem, pb_error *error)
{
    char *data = pb_sprintf("%s.csv", stem), *script = pb_sprintf("%s.gp", stem);
    char *picture = pb_sprintf("%s.png", stem);
    pb_status status;

    if (!data || !script || !picture)
        status = pb_fail_memory(error, strlen(stem) + 5, "a path");
    else
        status = write_data(spectrum, data, error);
    if (status == PB_OK)
        status = write_script(spectrum, script, data, picture, error);
    if (status == PB_OK)
        status = run_gnuplot(script, error);
    pb_free(data);
    pb_free(script);
    pb_free(picture);
    return status;
}
