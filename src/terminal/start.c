#include "terminal/start.h"

#include <cblas.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/threads.h"
#include "terminal/cli.h"

/* Seconds of processor time that may go by in OpenBLAS's search for address space, which has no
 * end: with enough of it, all libraries are ready after a tenth of one. */
#define SEARCH 1

#define SIDE 128 /* of matrices whose product takes all of OpenBLAS's buffers and threads */

/* What libraries beside it end a process for without a way out (GLib's threads, fonts): bytes of
 * address space, and threads for each one that computes and besides. */
#define SPACE ((size_t)384 << 20)
#define THREADS_EACH 2
#define THREADS_MORE 6

#define STACK ((size_t)128 << 10) /* bytes, of each thread */

/* -- standard descriptors ---------------------------------------------------------------------- */

/* A folder is neither read nor written: what is lost is not lost unseen. */
static void open_standard(void)
{
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
        if (fcntl(i, F_GETFD) < 0 && errno == EBADF && open("/", O_RDONLY | O_DIRECTORY) < 0)
            _exit(PB_EXIT_FAILED); /* no descriptor at all */
}

/* -- address space ----------------------------------------------------------------------------- */

static char last_words[300];

static void give_up(int number)
{
    ssize_t unused = write(STDERR_FILENO, last_words, strlen(last_words));

    (void)number;
    (void)unused;
    _exit(PB_EXIT_FAILED);
}

/* Is there a limit (`ulimit -v`, say), and which? */
static int limited(int resource, size_t *limit)
{
    struct rlimit found;

    if (getrlimit(resource, &found) || found.rlim_cur == RLIM_INFINITY)
        return 0;
    *limit = (size_t)found.rlim_cur;
    return 1;
}

/* Where the address space is limited, ends the process unless it is called with 0 seconds soon. */
static void guard(time_t seconds)
{
    const struct itimerval timer = {.it_value = {.tv_sec = seconds}};
    size_t limit;

    if (!limited(RLIMIT_AS, &limit))
        return;
    snprintf(
        last_words, sizeof last_words,
        "pullback: out of memory: OpenBLAS finds no address space for its buffers, some 128 MB "
        "for each thread: expected more than %zu kB (ulimit -v)\n",
        limit / 1024);
    signal(SIGPROF, seconds ? give_up : SIG_DFL);
    setitimer(ITIMER_PROF, &timer, NULL);
}

/* OpenBLAS takes its first buffers when it is loaded: before that. */
static void before_libraries(void)
{
    size_t limit;

    if (limited(RLIMIT_STACK, &limit) && limit < STACK) {
        snprintf(last_words, sizeof last_words,
                 "pullback: stacks of %zu kB (ulimit -s): expected %zu\n", limit / 1024,
                 STACK / 1024);
        give_up(0);
    }
    guard(SEARCH);
}

__attribute__((section(".preinit_array"),
               used)) static void (*const first)(void) = before_libraries;

/* A product that takes the buffers which all later ones use. */
static void warm(void)
{
    static double a[SIDE * SIDE], b[SIDE * SIDE];

    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIDE, SIDE, SIDE, 1, a, SIDE, a, SIDE, 0,
                b, SIDE);
}

/* Is so much of the address space left? */
static int has_space(size_t bytes)
{
    void *space = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return space != MAP_FAILED && munmap(space, bytes) == 0;
}

pb_status pb_start_threads(int threads, pb_error *error)
{
    unsigned all = THREADS_EACH * (unsigned)threads + THREADS_MORE;
    size_t limit;

    if (!pb_threads_can_have(all))
        return pb_fail(error, PB_MEMORY,
                       "--threads %d: %u threads in all are not to be had: expected fewer, or "
                       "larger limits (ulimit -u, ulimit -v)",
                       threads, all);
    if (!limited(RLIMIT_AS, &limit))
        return PB_OK;
    guard(SEARCH);
    warm();
    guard(0);
    if (has_space(SPACE))
        return PB_OK;
    return pb_fail(error, PB_MEMORY,
                   "out of memory: of the address space of %zu kB (ulimit -v) less than %zu are "
                   "left before the work begins",
                   limit / 1024, SPACE / 1024);
}

void pb_start(void)
{
    guard(0);
    open_standard();
}
