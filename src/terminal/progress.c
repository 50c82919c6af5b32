#include "terminal/progress.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "terminal/cli.h"

#define WIDTH 24
#define INTERVAL 0.1 /* seconds between drawings */
#define LONG 60      /* seconds of which a word is said, */
#define SETTLED 3    /* after as many: a short first step packs weights, and says little */
#define EACH 5       /* applications for each triplet of a basis, about (docs/performance.md) */

/* The one thing that the thread below tells all others. */
static atomic_int interrupted;

static sigset_t interrupts(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

/* The first signal asks the work to stop, the second ends the process. */
static void *wait_for_interrupts(void *unused)
{
    const sigset_t set = interrupts();
    int number = SIGTERM;

    sigwait(&set, &number);
    interrupted = 1;
    sigwait(&set, &number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(number);
    return unused;
}

/* Signals go to a thread that does nothing else: a handler that comes between the instructions of
 * oneDNN's generated kernels can spoil what they keep below the stack pointer. */
void pb_progress_catch_interrupt(void)
{
    const sigset_t set = interrupts();
    static int begun; /* once, also of a process that runs many commands (fuzz_bases) */
    pthread_t thread;

    if (begun)
        return;
    begun = 1;
    signal(SIGINT, SIG_DFL); /* a shell in the background may have them ignored */
    signal(SIGTERM, SIG_DFL);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (pthread_create(&thread, NULL, wait_for_interrupts, NULL))
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    else
        pthread_detach(thread);
}

int pb_progress_interrupted(void)
{
    return interrupted;
}

pb_progress_bar pb_progress_begin(const pb_cli *cli, const char *label)
{
    return (pb_progress_bar){.cli = cli,
                             .label = label,
                             .shown = !cli->quiet && isatty(STDERR_FILENO),
                             .start = pb_seconds()};
}

/* Is it time to draw again? */
static int due(pb_progress_bar *bar, int last)
{
    double t = pb_seconds();

    if (!bar->shown || (!last && t - bar->last < INTERVAL))
        return 0;
    bar->last = t;
    return 1;
}

int pb_progress_show(pb_progress_bar *bar, size_t done, size_t total, double left)
{
    int filled = total ? (int)(done * WIDTH / total) : 0;

    if (due(bar, done == total)) {
        fprintf(stderr, "\r\033[K%s [%.*s%*s] %zu/%zu", bar->label, filled,
                "########################", WIDTH - filled, "", done, total);
        if (done < total && left >= 0)
            fprintf(stderr, ", %.0f s left", left);
        fflush(stderr);
    }
    return interrupted;
}

/* Is a task counted in bytes? */
static int is_in_bytes(const char *task)
{
    return !strcmp(task, "fetching");
}

#define RECENT 5 /* seconds after which a moment counts a third */

/* Bytes in a second of late, which tells of the time left what a mean of all does not. */
static double note_rate(pb_progress_bar *bar, size_t done, double seconds)
{
    const double kept = exp(-seconds / RECENT);

    bar->came = kept * bar->came + (double)(done - bar->drawn);
    bar->in = kept * bar->in + seconds;
    bar->drawn = done;
    return bar->in > 0 ? bar->came / bar->in : 0;
}

static int show_bytes(pb_progress_bar *bar, size_t done, size_t total)
{
    double before = bar->last > 0 ? bar->last : bar->start, rate;
    int filled = total ? (int)((double)done / (double)total * WIDTH) : 0;

    if (due(bar, done == total)) {
        rate = note_rate(bar, done, bar->last - before);
        fprintf(stderr, "\r\033[K%s [%.*s%*s] %.1f of %.1f MB", bar->label, filled,
                "########################", WIDTH - filled, "", (double)done / 1e6,
                (double)total / 1e6);
        if (done < total && rate > 0)
            fprintf(stderr, ", %.1f MB/s, %.0f s left", rate / 1e6, (double)(total - done) / rate);
        fflush(stderr);
    }
    return interrupted;
}

void pb_progress_tell(pb_progress_bar *bar, double seconds)
{
    if (bar->told || seconds < LONG || pb_seconds() - bar->start < SETTLED)
        return;
    bar->told = 1;
    if (seconds < 90 * 60)
        pb_note(bar->cli, "%s: this takes about %.0f minutes", bar->label, ceil(seconds / 60));
    else
        pb_note(bar->cli, "%s: this takes about %.1f hours", bar->label, seconds / 3600);
}

int pb_progress_step(pb_progress_bar *bar, size_t done, size_t total)
{
    double each = done ? (pb_seconds() - bar->start) / (double)done : 0;

    if (done)
        pb_progress_tell(bar, each * (double)total);
    return pb_progress_show(bar, done, total, each * (double)(total - done));
}

static int show_svd(pb_progress_bar *bar, const pb_svd_progress *progress)
{
    if (progress->applications)
        pb_progress_tell(bar, (pb_seconds() - bar->start) / (double)progress->applications * EACH *
                                  (double)progress->rank);
    if (due(bar, 0)) {
        fprintf(stderr, "\r\033[K%s: %zu of %zu converged, %zu applications", bar->label,
                progress->converged, progress->rank, progress->applications);
        if (progress->residual_max < 1e300)
            fprintf(stderr, ", largest residual %.1e", progress->residual_max);
        fflush(stderr);
    }
    return interrupted;
}

/* Is this another task than the bar's, or the same once more? */
static int is_new(const pb_progress_bar *bar, const pb_progress *p)
{
    return !bar->label || strcmp(bar->label, p->task) || p->done < bar->done;
}

/* Looks at what has changed only: it is asked between the operations of a network. */
static int show(void *context, const pb_progress *p)
{
    pb_cli *cli = context;
    pb_progress_bar *bar = &cli->bar;

    if (is_new(bar, p))
        *bar = pb_progress_begin(cli, p->task);
    if (p->total && p->done != bar->done) {
        bar->done = p->done;
        if (is_in_bytes(p->task))
            return show_bytes(bar, p->done, p->total);
        return pb_progress_step(bar, p->done, p->total);
    }
    if (!p->total && p->svd && p->svd->applications != bar->applications) {
        bar->applications = p->svd->applications;
        return show_svd(bar, p->svd);
    }
    return interrupted;
}

/* Asks, and shows nothing. */
static int ask(void *context, const pb_progress *p)
{
    (void)context;
    (void)p;
    return interrupted;
}

/* Settings as the library calls them, which knows no options, and as they are called here. */
static const struct {
    const char *setting, *option;
} settings[] = {
    {"more steps", "more --steps"},
    {"smaller strength", "smaller --strength"},
    {"edit scale", "--edit-scale"},
    {"edit length", "--edit-length"},
};

static void warn(void *context, const char *text)
{
    const char *quoted = strchr(text, '"'); /* somebody's own words */
    GString *said = g_string_new_len(text, quoted ? quoted - text : -1);

    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        g_string_replace(said, settings[i].setting, settings[i].option, 0);
    pb_warn(context, "%s%s", said->str, quoted ? quoted : "");
    g_string_free(said, TRUE);
}

pb_run pb_progress_run(pb_cli *cli, int shown)
{
    return (pb_run){.monitor = shown ? show : ask,
                    .warn = warn,
                    .context = cli,
                    .memory = cli->memory,
                    .threads = cli->threads};
}

void pb_progress_end(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}
