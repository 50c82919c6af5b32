/* gnuplot: its scripts are written by hand. They hold fixed words, numbers, and text by
 * pb_plot_quote alone; the names of files in them are fixed, and local to the folder in which they
 * run. For to gnuplot text is a program: it runs what stands in backticks, within quotes and in
 * comments too, and what a file's name begins with "<" or "|". */
#ifndef PB_PICTURE_PLOT_H
#define PB_PICTURE_PLOT_H

#include <stdio.h>

#include "base/error.h"

/* Writes text, of any bytes, as a string of gnuplot's: what is no plain letter as its number. */
void pb_plot_quote(FILE *stream, const char *text);

/* Runs gnuplot on a script, whose pictures appear beside it once all are complete: gnuplot writes
 * in place, and another process may be reading, or drawing, the same ones. picture: the path of the
 * one picture that the script draws, whatever it is called there; NULL: they keep their names. It
 * draws in a folder beside the script (io/temporary.h), which stays there only if the process is
 * killed. Errors: PB_IO (gnuplot is missing or fails; pictures of before are then untouched),
 * PB_MEMORY. */
pb_status pb_plot_run(const char *script, const char *picture, pb_error *error);

#endif
