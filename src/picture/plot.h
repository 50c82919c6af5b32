/* gnuplot: its scripts are written by hand, and find their data where they lie. */
#ifndef PB_PICTURE_PLOT_H
#define PB_PICTURE_PLOT_H

#include <stdio.h>

#include "base/error.h"

/* Writes text within gnuplot's double quotes. */
void pb_plot_quote(FILE *stream, const char *text);

/* The file's name in its folder: scripts name files beside them. */
const char *pb_plot_name(const char *path);

/* Runs gnuplot on a script, whose pictures appear beside it once all are complete: gnuplot writes
 * in place, and another process may be reading, or drawing, the same ones. It draws in a folder
 * beside the script (io/temporary.h), which stays there only if the process is killed. Errors:
 * PB_IO (gnuplot is missing or fails; pictures of before are then untouched), PB_MEMORY. */
pb_status pb_plot_run(const char *script, pb_error *error);

#endif
