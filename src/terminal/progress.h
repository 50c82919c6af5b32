/* Progress on standard error, on terminals only; and the user's wish to stop (control-C). */
#ifndef PB_TERMINAL_PROGRESS_H
#define PB_TERMINAL_PROGRESS_H

#include <pullback/run.h>
#include <pullback/svd.h>

struct pb_cli;

typedef struct pb_progress_bar {
    const struct pb_cli *cli;
    const char *label;         /* a task's name, which must last */
    int shown;                 /* is there anyone to see it? */
    int told;                  /* has it been said that this takes long? */
    size_t done, applications; /* when it was last looked at */
    double start, last;
    size_t drawn;    /* bytes, when it was last drawn */
    double came, in; /* bytes of late, in so many seconds */
} pb_progress_bar;

/* A bar labelled so; none with --quiet or where stderr is not a terminal. */
pb_progress_bar pb_progress_begin(const struct pb_cli *cli, const char *label);

/* Draws the bar, with the seconds left (NaN: not known). Non-zero after control-C. */
int pb_progress_show(pb_progress_bar *bar, size_t done, size_t total, double left);

/* Says, once, that a run of so many seconds in all takes long, if it does and has gone on for some.
 */
void pb_progress_tell(pb_progress_bar *bar, double seconds);

/* So many steps are done. After its first step, or some seconds, what is going to take over a
 * minute says so, on terminals and elsewhere. Non-zero after control-C. */
int pb_progress_step(pb_progress_bar *bar, size_t done, size_t total);

/* The run of a command: it has its memory and threads, warns as the command does, and stops after
 * control-C. shown: it draws a bar for each task. */
pb_run pb_progress_run(struct pb_cli *cli, int shown);

/* Wipes the bar. */
void pb_progress_end(void);

/* From now on control-C (or SIGTERM) makes all these say stop; a second one ends the program at
 * once. */
void pb_progress_catch_interrupt(void);

/* Has there been such a signal? For what waits, and shows no progress. */
int pb_progress_interrupted(void);

#endif
