#include "cli/progress.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"

#define WIDTH 24
#define INTERVAL 0.1 /* seconds between drawings */

/* A signal handler can reach nothing else. */
static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

void pb_progress_catch_interrupt(void)
{
    struct sigaction action = {.sa_flags = (int)SA_RESETHAND};

    action.sa_handler = interrupt;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

pb_progress_bar pb_progress_begin(const pb_cli *cli, const char *label)
{
    return (pb_progress_bar){
        .label = label, .shown = !cli->quiet && isatty(STDERR_FILENO), .start = pb_seconds()};
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

int pb_progress_step(void *context, size_t done, size_t total)
{
    pb_progress_bar *bar = context;
    double each = done ? (pb_seconds() - bar->start) / (double)done : 0;

    return pb_progress_show(bar, done, total, each * (double)(total - done));
}

int pb_progress_svd(void *context, const pb_svd_progress *progress)
{
    pb_progress_bar *bar = context;

    if (due(bar, 0)) {
        fprintf(stderr, "\r\033[K%s: %zu of %zu converged, %zu applications", bar->label,
                progress->converged, progress->rank, progress->applications);
        if (progress->residual_max < 1e300)
            fprintf(stderr, ", largest residual %.1e", progress->residual_max);
        fflush(stderr);
    }
    return interrupted;
}

void pb_progress_end(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}
