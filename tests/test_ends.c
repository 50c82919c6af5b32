/* How the program ends where the system does not let it work: no room for what it prints or makes,
 * signals, limits. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "program.h"
#include "sanitized.h"
#include "scratch.h"

#define FACES PB_SOURCE_DIR "/models/faces32"
#define TEXT PB_SOURCE_DIR "/models/faces64-text"
#define PHOTO PB_SOURCE_DIR "/examples/portrait.png"
#define CLOSED NULL

/* What a run gets from its surroundings. */
typedef struct surroundings {
    const char *streams[3]; /* files for standard input, output and error, or CLOSED */
    int output;             /* a descriptor in place of the second, or 0 */
    const char *path;       /* PATH, or NULL: ours */
    struct {
        int resource;
        rlim_t most;
    } limits[3]; /* up to one of 0 bytes */
} surroundings;

#define USUAL                                                                                      \
    {                                                                                              \
        "/dev/null", "out", "error"                                                                \
    }

static int descriptor_for(const surroundings *s, int i)
{
    return open(s->streams[i], i ? O_WRONLY | O_CREAT | O_TRUNC : O_RDONLY, 0600);
}

static void become(const surroundings *s, char **arguments)
{
    if (chdir(here.folder))
        _exit(126);
    for (int i = 0; i < 3; i++) {
        int file = s->streams[i] ? descriptor_for(s, i) : -1;
        if (file >= 0 && file != i && (dup2(file, i) < 0 || close(file)))
            _exit(126);
        if (file < 0)
            close(i);
    }
    if (s->output && dup2(s->output, 1) < 0)
        _exit(126);
    for (size_t i = 0; i < 3 && s->limits[i].most; i++) {
        const struct rlimit limit = {s->limits[i].most, s->limits[i].most};
        if (setrlimit(s->limits[i].resource, &limit))
            _exit(126);
    }
    if (s->path)
        setenv("PATH", s->path, 1);
    execv(PB_BINARY_DIR "/pullback", arguments);
    _exit(127);
}

static pid_t start(const surroundings *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static pid_t start(const surroundings *s, const char *format, ...)
{
    char line[2048], name[] = "pullback", *arguments[64] = {name};
    int count = 1;
    va_list list;
    pid_t child;

    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    for (char *word = strtok(line, " "); word && count < 63; word = strtok(NULL, " "))
        arguments[count++] = word;
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        become(s, arguments);
    return child;
}

/* As a shell says it. */
static int finish(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static const char *text_of(const char *name)
{
    static char text[8192];
    FILE *file = fopen(scratch_path(&here, name).text, "r");

    text[file ? fread(text, 1, sizeof text - 1, file) : 0] = '\0';
    if (file)
        fclose(file);
    return text;
}

static void expect_end(const char *what, int found, int status, const char *message)
{
    if (found != status || (message && !strstr(text_of("error"), message)))
        fail_msg("%s: status %d, expected %d and \"%s\": %s", what, found, status,
                 message ? message : "", text_of("error"));
}

/* -- what is printed --------------------------------------------------------------------------- */

static void test_lost(void **state)
{
    static const char *const commands[] = {"--help",
                                           "--version",
                                           "--man",
                                           "--complete e",
                                           "help terms",
                                           "edit --help",
                                           "edit --man",
                                           "info",
                                           "info -m " FACES " --json",
                                           "prompt -m " TEXT " photo"};
    static const struct {
        surroundings s;
        const char *message;
    } ends[] = {
        {{.streams = {"/dev/null", "/dev/full", "error"}}, "standard output: cannot write"},
        {{.streams = {"/dev/null", CLOSED, "error"}}, "standard output: cannot write"},
        {{.streams = {CLOSED, CLOSED, CLOSED}}, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        for (size_t k = 0; k < sizeof ends / sizeof *ends; k++)
            expect_end(commands[i], finish(start(&ends[k].s, "%s", commands[i])), 1,
                       ends[k].message);
}

/* Nobody reads any more: the end that all programs of a pipe have, without a word. */
static void test_pipe(void **state)
{
    surroundings s = {.streams = USUAL};
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    s.output = ends[1];
    expect_end("help terms", finish(start(&s, "help terms")), 128 + SIGPIPE, NULL);
    assert_string_equal(text_of("error"), "");
    close(ends[1]);
}

/* A file must not take the place of a closed standard output, and get what is printed. */
static void test_closed(void **state)
{
    static const surroundings all[] = {
        {.streams = USUAL},
        {.streams = {"/dev/null", CLOSED, "error"}},
        {.streams = {"/dev/null", "out", CLOSED}},
        {.streams = {CLOSED, "out", "error"}},
        {.streams = {CLOSED, CLOSED, "error"}},
        {.streams = {CLOSED, CLOSED, CLOSED}},
    };
    size_t size, usual;
    unsigned char *expected, *found;

    (void)state;
    expect(program(here.folder, "basis -q -m " FACES " --seed 1 -k 2 -o a.safetensors"), 0, NULL);
    assert_int_equal(
        link(scratch_path(&here, "a.safetensors").text, scratch_path(&here, "b.safetensors").text),
        0);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int status = finish(start(&all[i], "compare a.safetensors b.safetensors -o c.csv"));
        if (status != (all[i].streams[1] == CLOSED))
            fail_msg("surroundings %zu: status %d", i, status);
        found = scratch_read(&here, "c.csv", &size);
        if (i == 0) {
            expected = found;
            usual = size;
            continue;
        }
        assert_int_equal(size, usual);
        assert_memory_equal(found, expected, size);
        free(found);
    }
    free(expected);
    /* What prints nothing loses nothing. */
    assert_int_equal(finish(start(&all[5], "compare -q a.safetensors b.safetensors -o c.csv")), 0);
}

/* -- signals ----------------------------------------------------------------------------------- */

/* Does the process wait for both signals in a thread of its own? Then its first thread blocks them,
 * and no other: a thread that makes another blocks all for a moment. */
static int is_ready(pid_t child)
{
    char path[64], line[256];
    unsigned long blocked = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", (int)child);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, "SigBlk:", 7))
            blocked = strtoul(line + 7, NULL, 16);
    if (file)
        fclose(file);
    return blocked == (1UL << (SIGTERM - 1) | 1UL << (SIGINT - 1));
}

static void until_ready(pid_t child)
{
    int status;

    while (!is_ready(child)) {
        if (waitpid(child, &status, WNOHANG) != 0)
            fail_msg("it ended by itself: %s", text_of("error"));
        usleep(500);
    }
}

/* A long run of a network that nothing else interrupts: one signal stops it, and leaves no file. */
static void test_signal(void **state)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    static const surroundings s = {.streams = USUAL};
    pid_t child;

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        child = start(&s, "encode -q -m " TEXT " --crop none --height 1024 --width 1024 " PHOTO
                          " -o x.npy");
        until_ready(child);
        kill(child, numbers[i]);
        expect_end("encode", finish(child), 1, "cancelled");
        assert_false(scratch_has(&here, "x.npy"));
    }
}

/* -- killed ------------------------------------------------------------------------------------ */

/* Killed while gnuplot draws: the next run in that folder removes the one it drew in. */
static void test_litter(void **state)
{
    static const char script[] = "#!/bin/sh\necho $$ >\"$MARK\"\nexec sleep 600\n";
    char path[2048], mark[1024];
    surroundings s = {.streams = USUAL, .path = path};
    scratch work;
    pid_t child;
    long drawer;

    (void)state;
    snprintf(path, sizeof path, "%s:%s", scratch_path(&here, "bin").text, getenv("PATH"));
    snprintf(mark, sizeof mark, "%s", scratch_path(&here, "mark").text);
    setenv("MARK", mark, 1);
    scratch_folder(&here, "bin");
    scratch_folder(&here, "work");
    assert_true(snprintf(work.folder, sizeof work.folder, "%s/work", here.folder) <
                (int)sizeof work.folder);
    scratch_write(&here, "bin/gnuplot", script, sizeof script - 1);
    assert_int_equal(chmod(scratch_path(&here, "bin/gnuplot").text, 0700), 0);
    child = start(&s, "basis -q -m " FACES " --seed 1 -k 2 -o work/b.safetensors");
    while (!scratch_has(&here, "mark")) {
        assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
        usleep(1000);
    }
    kill(child, SIGKILL);
    assert_int_equal(finish(child), 128 + SIGKILL);
    drawer = strtol(text_of("mark"), NULL, 10);
    assert_true(drawer > 1);
    kill((pid_t)drawer, SIGKILL);
    expect(program(here.folder, "sample -q -m " FACES " --steps 2 -o work/s.png"), 0, NULL);
    /* The basis, its sheet, the spectrum's numbers and script; the sample. */
    assert_int_equal(scratch_count(&work), 5);
}

/* -- limits ------------------------------------------------------------------------------------ */

#define MB ((rlim_t)1 << 20)
#define CPU 30 /* seconds of a processor, after which what has no end is ended */

/* Less and less address space: an end, with a line of why, where it does not work. */
static void test_address_space(void **state)
{
    static const rlim_t sizes[] = {100, 260, 800, 1100};

    (void)state;
    if (SANITIZED)
        skip(); /* their runtimes need terabytes of it */
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const surroundings s = {.streams = USUAL,
                                .limits = {{RLIMIT_AS, sizes[i] * MB}, {RLIMIT_CPU, CPU}}};
        int status =
            finish(start(&s, "basis -m " FACES " --threads 2 --seed 1 -k 2 -o b.safetensors"));
        if (status > 127 || (status && !text_of("error")[0]))
            fail_msg("%ju MB: status %d: \"%s\"", (uintmax_t)sizes[i], status, text_of("error"));
    }
}

static void test_stack(void **state)
{
    const surroundings s = {.streams = USUAL, .limits = {{RLIMIT_STACK, 80 << 10}}};

    (void)state;
    if (SANITIZED)
        skip();
    expect_end("a small stack", finish(start(&s, "--version")), 1, "expected 128");
}

/* A file that may not grow: its name and the reason, and nothing beside it. */
static void test_file_size(void **state)
{
    const surroundings s = {.streams = USUAL, .limits = {{RLIMIT_FSIZE, 8192}}};

    (void)state;
    scratch_folder(&here, "work");
    expect_end("basis",
               finish(start(&s, "basis -q -m " FACES " --seed 1 -k 2 -o work/b.safetensors")), 1,
               "work/b.safetensors: cannot write: File too large");
    assert_int_equal(rmdir(scratch_path(&here, "work").text), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_lost),   SCRATCH_TEST(test_pipe),      SCRATCH_TEST(test_closed),
        SCRATCH_TEST(test_signal), SCRATCH_TEST(test_litter),    SCRATCH_TEST(test_address_space),
        SCRATCH_TEST(test_stack),  SCRATCH_TEST(test_file_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
