/* libgomp reads how long to spin from the environment when it is loaded, too early for a library,
 * and has no call that changes it. But it spins next to not at all while it manages more threads
 * than there are processors (do_spin in its config/linux/wait.h), so that a team of threads that do
 * nothing makes all others sleep, and spin again when it is gone. With another runtime of OpenMP
 * that team changes nothing.
 *
 * Company shows in two ways. Threads that spin keep as many processors busy as there are threads,
 * unless others have them; and then they are switched, when their time is up and when they have
 * spun in vain. Threads that sleep at once are switched all the time, but against their will only
 * with company. Measured on two processors: spinning, 1.9 to 2.1 processors and 30 to 200 switches
 * a second alone, at most 1.5 and 190 to 340 beside one busy process; sleeping, 10 to 50 switches a
 * second against their will alone, thousands beside one in small networks and some 200 in large
 * ones (each time slice). */
#include "base/waiting.h"

#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/threads.h"

#define LOOK 0.03     /* seconds between looks */
#define LOST 0.3      /* processors that others have, from which there may be company; */
#define COMPANY 100.0 /* it is, with as many switches a second of any kind; */
#define LOOKS 2       /* in as many looks on end */
#define ALONE 100.0   /* switches a second against its will up to which there is none any more */
#define REST 0.15     /* seconds over which that is counted */
#define LEAST 0.1     /* seconds until the next look for company after what was none: doubled … */
#define MOST 1.6      /* … up to this */
#define LIFE 2        /* seconds the idle team stays without anybody looking */

/* One process, one runtime of OpenMP, one way of waiting: the only state of its kind here. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t end;
    _Atomic double next; /* when to look again */
    atomic_bool sleeps;
    bool wanted;    /* should the idle team stay? */
    double renewed; /* when somebody looked last */
    double pause;   /* until the next look for company, after what was none */
    int suspected;  /* looks that have seen it, on end */
    pb_waiting_counts last;
} state = {.mutex = PTHREAD_MUTEX_INITIALIZER, .end = PTHREAD_COND_INITIALIZER, .pause = LEAST};

int pb_waiting_sleeps(void)
{
    return atomic_load(&state.sleeps);
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

static pb_waiting_counts count(double time)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (pb_waiting_counts){time, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime),
                               (double)usage.ru_nvcsw, (double)usage.ru_nivcsw};
}

int pb_waiting_company(const pb_waiting_counts *c, int sleeps, int threads)
{
    if (sleeps)
        return c->unwilling > ALONE * c->time;
    return c->busy < (threads - LOST) * c->time && c->willing + c->unwilling > COMPANY * c->time;
}

/* A thread that has a team of more threads than there are processors, and does nothing with it. */
static void *idle(void *unused)
{
    int threads = omp_get_num_procs() + 1;
    bool enough = pb_threads_can_have((unsigned)threads);

    if (enough) {
#pragma omp parallel num_threads(threads)
        {
            __asm__ volatile("");
        }
    }
    pthread_mutex_lock(&state.mutex);
    if (!enough)
        atomic_store(&state.next, INFINITY); /* never again */
    while (enough && state.wanted && pb_seconds() - state.renewed < LIFE) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += LIFE;
        pthread_cond_timedwait(&state.end, &state.mutex, &until);
    }
    state.wanted = false;
    atomic_store(&state.sleeps, false);
    pthread_mutex_unlock(&state.mutex);
    return unused; /* the team ends with its first thread */
}

/* The threads that it makes inherit what it blocks: no signal of the program around is theirs. */
static void begin_to_sleep(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t every, before;

    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    state.wanted = true;
    if (pthread_create(&thread, &attributes, idle, NULL) == 0)
        atomic_store(&state.sleeps, true);
    else
        state.wanted = false;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* With the mutex held: has the way of waiting to change? Returns the seconds to the next look. */
static double look(const pb_waiting_counts *now)
{
    const pb_waiting_counts *last = &state.last;
    const pb_waiting_counts since = {now->time - last->time, now->busy - last->busy,
                                     now->willing - last->willing,
                                     now->unwilling - last->unwilling};
    bool sleeps = atomic_load(&state.sleeps);
    bool company = pb_waiting_company(&since, sleeps, omp_get_max_threads());

    if (!sleeps) {
        state.suspected = company ? state.suspected + 1 : 0;
        if (state.suspected < LOOKS)
            return LOOK;
        state.suspected = 0;
        begin_to_sleep();
        return REST;
    }
    if (company) {
        state.pause = LEAST;
        return REST;
    }
    /* Alone again, or always was: waiting long for one's own threads looks like company. */
    state.wanted = false;
    pthread_cond_broadcast(&state.end);
    state.pause = state.pause < MOST ? 2 * state.pause : MOST;
    return state.pause;
}

void pb_waiting_adapt(void)
{
    double time = pb_seconds(), next = time + LOOK;
    pb_waiting_counts now;

    if (time < atomic_load_explicit(&state.next, memory_order_relaxed) ||
        omp_get_max_threads() == 1 || pthread_mutex_trylock(&state.mutex))
        return;
    now = count(time);
    state.renewed = time;
    if (state.last.time == 0 && (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT")))
        next = INFINITY;
    else if (state.last.time > 0 && time - state.last.time < 2 * MOST)
        next = time + look(&now); /* what was counted over longer says nothing of now */
    atomic_store(&state.next, next);
    state.last = now;
    pthread_mutex_unlock(&state.mutex);
}
