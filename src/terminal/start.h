/* What has to be right before the work begins: standard descriptors, and room for threads and
 * libraries where the system limits them (ulimit). */
#ifndef PB_TERMINAL_START_H
#define PB_TERMINAL_START_H

#include "base/error.h"

/* First of all: standard input, output and error that are closed become ones that fail, so that no
 * file that is opened later takes their place, and gets what is printed. */
void pb_start(void);

/* Before so many threads compute: are they to be had, and is there room for the buffers of
 * OpenBLAS, which would look for it for ever? They are its own from then on. Errors: PB_MEMORY. A
 * process that looks too long ends with status 1 and a line of why. */
pb_status pb_start_threads(int threads, pb_error *error);

#endif
