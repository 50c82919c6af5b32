/* Threads available: control groups as they are laid out in the wild, in a folder of our own. */
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/threads.h"
#include "sanitized.h"
#include "scratch.h"

typedef struct file {
    const char *path, *text;
} file;

/* Makes the folders above a file, too. */
static void make_file(const scratch *s, const char *path, const char *text)
{
    char folder[SCRATCH_PATH];

    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        mkdir(scratch_path(s, folder).text, 0700);
    }
    scratch_write(s, path, text, strlen(text));
}

/* The answer where these files (up to a NULL path) are all there is. */
static double quota_of(const file *files)
{
    scratch s;
    double result;

    scratch_open(&s);
    for (; files->path; files++)
        make_file(&s, files->path, files->text);
    result = pb_cgroup_processors(s.folder);
    scratch_close(&s);
    return result;
}

#define V2_MOUNT                                                                                   \
    {                                                                                              \
        "proc/self/mountinfo",                                                                     \
            "22 1 0:1 / / rw - ext4 /dev/sda rw\n"                                                 \
            "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"                \
    }

static void test_none(void **state)
{
    const file nothing[] = {{NULL, NULL}};
    const file unlimited[] = {{"proc/self/cgroup", "0::/a\n"},
                              V2_MOUNT,
                              {"sys/fs/cgroup/a/cpu.max", "max 100000\n"},
                              {NULL, NULL}};
    const file nonsense[] = {
        {"proc/self/cgroup", "0:\n\n:::\n0::/a"},
        {"proc/self/mountinfo", "- - -\n - \n1 2 3 - cgroup2\nx - cgroup2 a b\n"},
        {NULL, NULL}};

    (void)state;
    assert_true(quota_of(nothing) == 0);
    assert_true(quota_of(unlimited) == 0);
    assert_true(quota_of(nonsense) == 0);
}

/* The smallest quota from the process's own group to the root. */
static void test_v2(void **state)
{
    const file own[] = {{"proc/self/cgroup", "0::/a/b\n"},
                        V2_MOUNT,
                        {"sys/fs/cgroup/a/b/cpu.max", "150000 100000\n"},
                        {"sys/fs/cgroup/a/cpu.max", "400000 100000\n"},
                        {NULL, NULL}};
    const file above[] = {{"proc/self/cgroup", "0::/a/b\n"},
                          V2_MOUNT,
                          {"sys/fs/cgroup/a/b/cpu.max", "max 100000\n"},
                          {"sys/fs/cgroup/a/cpu.max", "50000 200000\n"},
                          {NULL, NULL}};
    const file root[] = {{"proc/self/cgroup", "0::/\n"},
                         V2_MOUNT,
                         {"sys/fs/cgroup/cpu.max", "300000 100000\n"},
                         {NULL, NULL}};
    const file outside[] = {{"proc/self/cgroup", "0::/../../other\n"},
                            V2_MOUNT,
                            {"sys/fs/cgroup/cpu.max", "700000 100000\n"},
                            {NULL, NULL}};

    (void)state;
    assert_true(quota_of(own) == 1.5);
    assert_true(quota_of(above) == 0.25);
    assert_true(quota_of(root) == 3);
    assert_true(quota_of(outside) == 7);
}

static void test_v1(void **state)
{
    const file own[] = {{"proc/self/cgroup", "9:name=systemd:/\n4:cpu,cpuacct:/a\n0::/x\n"},
                        {"proc/self/mountinfo",
                         "33 31 0:30 / /cg/cpu rw - cgroup cg rw,cpuacct,cpu\n"
                         "34 31 0:31 / /cg/cpuset rw - cgroup cg rw,cpuset\n"},
                        {"cg/cpu/a/cpu.cfs_quota_us", "250000\n"},
                        {"cg/cpu/a/cpu.cfs_period_us", "100000\n"},
                        {"cg/cpu/cpu.cfs_quota_us", "-1\n"},
                        {"cg/cpu/cpu.cfs_period_us", "100000\n"},
                        {NULL, NULL}};
    /* A container: the group's name is the host's, and the mount shows it as its root. */
    const file container[] = {
        {"proc/self/cgroup", "4:cpu,cpuacct:/docker/abc\n"},
        {"proc/self/mountinfo",
         "33 31 0:30 /docker/abc /cg/cpu,cpuacct ro - cgroup cg rw,cpu,cpuacct\n"},
        {"cg/cpu,cpuacct/cpu.cfs_quota_us", "100000\n"},
        {"cg/cpu,cpuacct/cpu.cfs_period_us", "50000\n"},
        {NULL, NULL}};

    (void)state;
    assert_true(quota_of(own) == 2.5);
    assert_true(quota_of(container) == 2);
}

static void test_available(void **state)
{
    unsigned before = pb_threads_available();
    cpu_set_t all, one;

    (void)state;
    assert_true(before >= 1);
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_true(before <= (unsigned)CPU_COUNT(&all));
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &all)) {
            CPU_SET(i, &one);
            break;
        }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(pb_threads_available(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    assert_int_equal(pb_threads_available(), before);
}

/* Without any address space left there are no stacks for more. */
static void test_can_have(void **state)
{
    const struct rlimit none = {1 << 20, 1 << 20};
    int status;
    pid_t child;

    (void)state;
    assert_true(pb_threads_can_have(3));
    if (SANITIZED)
        skip();
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(setrlimit(RLIMIT_AS, &none) || pb_threads_can_have(64));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),     cmocka_unit_test(test_v2),
        cmocka_unit_test(test_v1),       cmocka_unit_test(test_available),
        cmocka_unit_test(test_can_have),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
