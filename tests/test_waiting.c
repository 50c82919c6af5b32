/* Threads wait for each other asleep where other processes want the processors, and spin again when
 * those are gone. Run without OMP_WAIT_POLICY, which would choose. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <omp.h>

#include "base/clock.h"
#include "base/waiting.h"

#define COUNT 4096
#define PATIENCE 60 /* seconds: what is slow here is not wrong */
#define MOST 64

/* Short parallel loops, as operations of small networks are, until threads wait so. */
static int work_until(int sleeps)
{
    static float values[COUNT];
    double begin = pb_seconds();

    while (pb_waiting_sleeps() != sleeps && pb_seconds() - begin < PATIENCE)
        for (int i = 0; i < 100; i++) {
#pragma omp parallel for
            for (int k = 0; k < COUNT; k++)
                values[k] = values[k] * 0.5f + 1;
            pb_waiting_adapt();
        }
    return pb_waiting_sleeps() == sleeps;
}

static void test_company(void **state)
{
    int processors = omp_get_num_procs(), count = processors < MOST ? processors : MOST;
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
    int slept = work_until(1);
    for (int i = 0; i < count; i++) {
        kill(busy[i], SIGKILL);
        waitpid(busy[i], NULL, 0);
    }
    assert_true(slept);
    assert_true(work_until(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_company)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
