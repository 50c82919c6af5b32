/* Options: parsed by GLib, with numbers read strictly and checked against what they may be. */
#ifndef PB_TERMINAL_OPTIONS_H
#define PB_TERMINAL_OPTIONS_H

#include <stdbool.h>

#include "terminal/cli.h"

/* Parses argv by the tables (NULL: none), which end with a NULL name; what is left stays in
 * argv[1 …]. A number that is given is checked against the range of its option's name before
 * anything else sees it: values that stand for "not given" (NaN, -1, 0) lie outside of the ranges,
 * so that no user can say them; so is a word against those of its option. Adds to cli->owned the
 * strings, to cli->given the names of the options given, to cli->inputs the files named. Errors:
 * PB_INVALID, naming the option; what an unknown one may have meant. At --help it stops, fails, and
 * sets cli->help_asked. */
pb_status pb_options_parse(pb_cli *cli, GOptionContext *context, const GOptionEntry *const *tables,
                           size_t count, int *argc, char ***argv, pb_error *error);

/* The words that an option takes, or NULL; *closed: no others. For g_strfreev. */
char **pb_option_words(const char *name, bool *closed);

#endif
