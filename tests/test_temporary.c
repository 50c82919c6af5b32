/* What killed processes leave is removed, and nothing else. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/temporary.h"
#include "scratch.h"

#define NUMBER "0123456789abcdef"

/* Entries whose names begin like ours. */
static int left(void)
{
    DIR *list = opendir(here.folder);
    struct dirent *entry;
    int count = 0;

    assert_non_null(list);
    while ((entry = readdir(list)))
        count += !strncmp(entry->d_name, ".pullback-", 10);
    closedir(list);
    return count;
}

/* A process that has begun a file and a folder with a file in it, and is killed, or not. */
static pid_t begin(void)
{
    int ready[2];
    char byte;
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pb_output output;
        pb_temporary folder;
        char path[2 * SCRATCH_PATH];
        FILE *inside;

        if (pb_output_open(&output, scratch_path(&here, "a").text, NULL) ||
            pb_output_bytes(&output, "half", 4, NULL) || fflush(output.stream) ||
            pb_temporary_folder(&folder, scratch_path(&here, "b").text))
            _exit(1);
        snprintf(path, sizeof path, "%s/picture", folder.path);
        inside = fopen(path, "w");
        if (!inside || fputs("half", inside) < 0 || fflush(inside) || write(ready[1], "", 1) != 1)
            _exit(1);
        pause();
        _exit(1);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void end(pid_t child)
{
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void test_killed(void **state)
{
    pid_t dead, alive;

    (void)state;
    dead = begin();
    alive = begin();
    assert_int_equal(left(), 4);
    pb_temporary_sweep(here.folder);
    assert_int_equal(left(), 4);
    end(dead);
    assert_int_equal(left(), 4);
    pb_temporary_sweep(here.folder);
    assert_int_equal(left(), 2);
    end(alive);
    pb_temporary_sweep(here.folder);
    assert_int_equal(left(), 0);
}

/* One's own too, until they have their names. */
static void test_own(void **state)
{
    const size_t before = scratch_count(&here);
    pb_temporary folder;
    pb_output output;

    (void)state;
    assert_int_equal(pb_output_open(&output, scratch_path(&here, "a").text, NULL), PB_OK);
    assert_int_equal(pb_output_bytes(&output, "whole", 5, NULL), PB_OK);
    assert_int_equal(pb_temporary_folder(&folder, scratch_path(&here, "b").text), 0);
    pb_temporary_sweep(here.folder);
    assert_int_equal(scratch_count(&here), before + 2);
    assert_int_equal(pb_output_commit(&output, NULL), PB_OK);
    assert_true(scratch_has(&here, "a"));
    assert_int_equal(rmdir(folder.path), 0);
    pb_temporary_end(&folder);
    assert_int_equal(pb_temporary_file(&folder, scratch_path(&here, "no/b").text), ENOENT);
    assert_null(folder.path);
    assert_int_equal(pb_temporary_folder(&folder, scratch_path(&here, "no/b").text), ENOENT);
}

/* A folder that somebody has given such a name is open to others, as ours are not. */
static void test_folder_of_the_user(void **state)
{
    const scratch_name folder = scratch_path(&here, ".pullback-" NUMBER ".tmp");

    (void)state;
    assert_int_equal(mkdir(folder.text, 0755), 0);
    scratch_write(&here, ".pullback-" NUMBER ".tmp/photo", "mine", 4);
    pb_temporary_sweep(here.folder);
    assert_true(scratch_has(&here, ".pullback-" NUMBER ".tmp/photo"));
    assert_int_equal(chmod(folder.text, 0700), 0);
    pb_temporary_sweep(here.folder);
    assert_false(scratch_has(&here, ".pullback-" NUMBER ".tmp"));
}

static void test_others(void **state)
{
    static const char *const files[] = {".pullback-models",
                                        ".pullback-" NUMBER,
                                        ".pullback-" NUMBER "0.tmp",
                                        ".pullback-0123456789ABCDEF.tmp",
                                        ".pullback-0123.tmp",
                                        "pullback-" NUMBER ".tmp",
                                        ".pullback-" NUMBER ".tmp~",
                                        ".pullback-config",
                                        "mine"};
    size_t count = sizeof files / sizeof *files, size;

    (void)state;
    for (size_t i = 0; i < count; i++)
        scratch_write(&here, files[i], "mine", 4);
    scratch_folder(&here, "folder");
    scratch_write(&here, "folder/mine", "mine", 4);
    /* Links with our names, to a file and to a folder; a fifo; and a folder with a folder in it. */
    assert_int_equal(symlink("mine", scratch_path(&here, ".pullback-00000000000000aa.tmp").text),
                     0);
    assert_int_equal(symlink("folder", scratch_path(&here, ".pullback-00000000000000ab.tmp").text),
                     0);
    assert_int_equal(mkfifo(scratch_path(&here, ".pullback-00000000000000ac.tmp").text, 0600), 0);
    scratch_folder(&here, ".pullback-00000000000000ad.tmp");
    scratch_folder(&here, ".pullback-00000000000000ad.tmp/deep");
    /* And one that is litter. */
    scratch_write(&here, ".pullback-00000000000000ae.tmp", "half", 4);
    size = scratch_count(&here);
    pb_temporary_sweep(here.folder);
    assert_int_equal(scratch_count(&here), size - 1);
    for (size_t i = 0; i < count; i++)
        assert_true(scratch_has(&here, files[i]));
    assert_true(scratch_has(&here, "folder/mine"));
    assert_int_equal(access(scratch_path(&here, ".pullback-00000000000000ad.tmp/deep").text, F_OK),
                     0);
    pb_temporary_sweep(scratch_path(&here, "mine").text); /* no folder: nothing */
    pb_temporary_sweep(scratch_path(&here, "none").text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_killed),
        SCRATCH_TEST(test_own),
        SCRATCH_TEST(test_others),
        SCRATCH_TEST(test_folder_of_the_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
