/* Threads wait for each other asleep where other processes want the processors, and spin where none
 * does. Run without OMP_WAIT_POLICY, which would choose. */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <omp.h>

#include "base/clock.h"
#include "base/waiting.h"

#define COUNT 4096
#define PATIENCE 60 /* seconds: what is slow here is not wrong */
#define MOST 64

/* What was counted on two processors, and what it means. */
static void test_judgement(void **state)
{
    static const struct {
        pb_waiting_counts counts;
        int sleeps, company;
    } cases[] = {
        /* Spinning alone; in a part that only one thread works in; */
        {{0.030, 0.058, 0, 2}, 0, 0},
        {{0.030, 0.052, 1, 5}, 0, 0},
        {{0.030, 0.030, 1, 0}, 0, 0},
        /* beside a busy process, and beside one that spins too. */
        {{0.250, 0.340, 34, 28}, 0, 1},
        {{0.250, 0.250, 61, 21}, 0, 1},
        /* Sleeping alone, beside a busy process, and in a large network, each time slice. */
        {{0.150, 0.170, 2813, 4}, 1, 0},
        {{0.151, 0.226, 1468, 8}, 1, 0},
        {{0.150, 0.150, 1142, 818}, 1, 1},
        {{0.150, 0.220, 30, 32}, 1, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(pb_waiting_company(&cases[i].counts, cases[i].sleeps, 2),
                         cases[i].company);
}

/* Short parallel loops, as operations of small networks are, until threads wait asleep. */
static int work_until_asleep(void)
{
    static float values[COUNT];
    double begin = pb_seconds();

    while (!pb_waiting_sleeps() && pb_seconds() - begin < PATIENCE)
        for (int i = 0; i < 100; i++) {
#pragma omp parallel for
            for (int k = 0; k < COUNT; k++)
                values[k] = values[k] * 0.5f + 1;
            pb_waiting_adapt();
        }
    return pb_waiting_sleeps();
}

/* The threads of this process that a SIGTERM cannot be delivered to. */
static int count_deaf(void)
{
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *entry;
    int deaf = 0;

    assert_non_null(tasks);
    while ((entry = readdir(tasks))) {
        char path[300], line[256];
        unsigned long long blocked = 0;
        FILE *file;

        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        if (entry->d_name[0] == '.' || !(file = fopen(path, "r")))
            continue;
        while (fgets(line, sizeof line, file))
            sscanf(line, "SigBlk: %llx", &blocked);
        fclose(file);
        deaf += (blocked >> (SIGTERM - 1) & 1) != 0;
    }
    closedir(tasks);
    return deaf;
}

static void test_company(void **state)
{
    sigset_t mask;
    int processors = omp_get_num_procs(), count = processors < MOST ? processors : MOST;
    struct rusage usage;
    pid_t busy[MOST];

    (void)state;
    if (omp_get_max_threads() < 2)
        skip();
    for (int i = 0; i < count; i++) {
        busy[i] = fork();
        assert_true(busy[i] >= 0);
        if (busy[i] == 0)
            for (volatile unsigned long n = 0;; n++)
                ;
    }
    int slept = work_until_asleep(), deaf = count_deaf();
    for (int i = 0; i < count; i++) {
        kill(busy[i], SIGKILL);
        waitpid(busy[i], NULL, 0);
    }
    getrusage(RUSAGE_SELF, &usage);
    if (!slept && usage.ru_nivcsw == 0)
        skip(); /* a system that does not count switches */
    assert_true(slept);
    /* The threads that do nothing take no signal that is for others; this one takes all. */
    assert_true(deaf >= 1);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    assert_false(sigismember(&mask, SIGTERM));
    /* Who stops working spins again; whether others work beside this test is not ours to say. */
    for (double begin = pb_seconds(); pb_waiting_sleeps() && pb_seconds() - begin < PATIENCE;)
        usleep(10000);
    assert_false(pb_waiting_sleeps());
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_judgement),
                                       cmocka_unit_test(test_company)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
