/* Pictures of strangers are first read by a process of its own, with limits: one that no reader is
 * safe from ends that process, not the server. */
#ifndef PB_EXPLORE_TASTE_H
#define PB_EXPLORE_TASTE_H

#include <glib.h>

#include <pullback/run.h>

#include "base/error.h"

/* Has a picture read by a program (argv, NULL at its end), which is given it on its standard input
 * and does what pb_taste does. name: for messages. SIGPIPE is to be ignored: it may end before it
 * is given all. Errors: PB_FORMAT (in that program's words; or it was ended, or took too long),
 * PB_IO (it cannot be started), PB_CANCELLED. */
pb_status pb_have_tasted(const char *const *argv, GBytes *picture, const char *name,
                         const pb_run *run, pb_error *error);

/* That process: takes limits of time and memory, and reads the picture on its standard input, of at
 * most so many bytes. Errors: those of pb_photo_take. */
pb_status pb_taste(size_t most, pb_error *error);

#endif
