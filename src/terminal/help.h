/* The program's own manual, and the questions that shells and the build ask it. */
#ifndef PB_TERMINAL_HELP_H
#define PB_TERMINAL_HELP_H

#include "base/likeness.h"
#include "terminal/manual.h"

/* The list of commands. */
void pb_help_print(FILE *stream);

/* Answers a command line of the whole program, on standard output, that is a question: --man (its
 * page), --man-pages (the names of the commands that have one, a line each; COMMAND --man prints
 * it), or --complete WORD… (manual.h: what can stand in place of the last word). Returns whether it
 * was one; *status: the exit status. */
int pb_help_answer(int argc, char **argv, int *status);

/* What an unknown command's name may have meant. */
pb_hint pb_help_likely(const char *name);

#endif
