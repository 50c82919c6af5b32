/* Progress on standard error, on terminals only; and the user's wish to stop (control-C). */
#ifndef PB_TERMINAL_PROGRESS_H
#define PB_TERMINAL_PROGRESS_H

#include <pullback/diffusion.h>
#include <pullback/svd.h>

struct pb_cli;

typedef struct pb_progress_bar {
    const struct pb_cli *cli; /* NULL: a bar that says nothing */
    const char *label;
    int shown; /* is there anyone to see it? */
    int told;  /* has it been said that this takes long? */
    double start, last;
} pb_progress_bar;

/* A bar labelled so; none with --quiet or where stderr is not a terminal. */
pb_progress_bar pb_progress_begin(const struct pb_cli *cli, const char *label);

/* Draws the bar, with the seconds left (NaN: not known). Non-zero after control-C. */
int pb_progress_show(pb_progress_bar *bar, size_t done, size_t total, double left);

/* Says, once, that a run of so many seconds in all takes long, if it does and has gone on for some.
 */
void pb_progress_tell(pb_progress_bar *bar, double seconds);

/* A pb_progress callback; context: a pb_progress_bar. After its first step, or some seconds, a run
 * that is going to take over a minute says so, on terminals and elsewhere. Non-zero after
 * control-C. */
int pb_progress_step(void *context, size_t done, size_t total);

/* A pb_svd_monitor; context: a pb_progress_bar. */
int pb_progress_svd(void *context, const pb_svd_progress *progress);

/* Wipes the bar. */
void pb_progress_end(void);

/* Says stop after control-C: for the models that are opened. */
pb_stop pb_progress_stop(void);

/* From now on control-C (or SIGTERM) makes the callbacks say stop; a second one ends the program at
 * once. */
void pb_progress_catch_interrupt(void);

#endif
