/* A command's manual: the one source of its --help, its man page and its completions. */
#ifndef PB_TERMINAL_MANUAL_H
#define PB_TERMINAL_MANUAL_H

#include <stdio.h>

#include "terminal/cli.h"

typedef struct pb_manual {
    const char *name; /* "edit", "study samples"; "": of the program itself */
    const pb_help *help;
    const GOptionEntry *const *tables; /* count of them, or NULL; as pb_options_parse takes them */
    size_t count;
} pb_manual;

/* What --help prints. */
void pb_manual_print(const pb_manual *manual, FILE *stream);

/* The man page in roff (man(7)). */
void pb_manual_roff(const pb_manual *manual, FILE *stream);

/* The words that may stand where the last one of `words` (of `count`, those of the command line
 * behind the command; one at least) begins or is still empty: "WORD\tWHAT IT IS", a line each.
 * Nothing: a file, say. */
void pb_manual_complete(const pb_manual *manual, int count, char **words, FILE *stream);

/* Answers, on standard output, a command line whose first argument is a question about the command
 * itself: --man, or --complete WORD…. Returns whether it was one. */
int pb_manual_answer(const pb_manual *manual, int argc, char **argv);

/* -- for the three of them ----------------------------------------------------------------------
 */

/* What an option is about: the groups in which options are listed. */
typedef enum pb_topic {
    PB_TOPIC_IMAGE,
    PB_TOPIC_FILES,
    PB_TOPIC_TARGET,
    PB_TOPIC_POINT,
    PB_TOPIC_CONDITION,
    PB_TOPIC_DIRECTION,
    PB_TOPIC_MAP,
    PB_TOPIC_SOLVER,
    PB_TOPIC_TRAVEL,
    PB_TOPIC_DRAWING,
    PB_TOPIC_MEASURING,
    PB_TOPIC_OUTPUT,
    PB_TOPIC_MACHINE,
    PB_TOPIC_OTHER, /* of an option that nobody has put anywhere */
    PB_TOPICS
} pb_topic;

/* "Which image" */
const char *pb_topic_title(pb_topic topic);

/* The options about a topic, in the tables' order: the first at *at = 0 and on; NULL past the last.
 * Hidden ones are left out. */
const GOptionEntry *pb_manual_option(const pb_manual *manual, pb_topic topic, size_t *at);

/* A text whose single line ends are spaces, in lines of at most `width` characters, each behind
 * `indent` spaces but the first, which begins at `column`; an empty line between paragraphs. Ends
 * with a line end. */
void pb_wrap(FILE *stream, const char *text, int indent, int column, int width);
#define PB_WIDTH 80

#endif
