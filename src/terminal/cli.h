/* What all commands share: common options, messages, the end of a command.
 *
 * A command is a function of (argc, argv) that returns the exit status: 0, 1 (failed), 2 (wrong
 * usage). It parses its options, checks them, and only then begins to work. */
#ifndef PB_TERMINAL_CLI_H
#define PB_TERMINAL_CLI_H

#include <glib.h>
#include <jansson.h>

#include <pullback/pullback.h>

#include "base/ending.h"
#include "base/error.h"
#include "terminal/progress.h"

/* The model that the demo shows, and that photos are edited with where none is named. */
#define PB_BUNDLED_MODEL "faces64-text"

#define PB_EXIT_FAILED 1
#define PB_EXIT_USAGE 2

/* The options of every command. Begin with {.name = "sample"}. */
typedef struct pb_cli {
    const char *name;
    int many_models; /* the command has a --model of its own */
    int no_model;    /* it works on files alone */
    /* Those of the options of every command that would do nothing for this one, "threads,force": it
     * has none of them; or NULL. */
    const char *idle;
    const char *model;
    int threads;   /* 0 until parsed: then those used */
    char *costs;   /* a table of costs, or NULL */
    char *backend; /* or NULL: the default */
    char *memory_text;
    size_t memory; /* bytes; 0: the library's default */
    pb_run run;    /* of its work, with a bar, once it is parsed */
    pb_progress_bar bar;
    /* What pb_model_options has by these names, each or NULL. */
    char *schedule, *vae, *prediction_type, *config;
    char **lora;    /* as given, "FILE:WEIGHT"; NULL ends them; or NULL */
    pb_lora *loras; /* the same, read: */
    size_t lora_count;
    gboolean json, quiet, force;
    int help_asked;    /* --help stands among the options */
    GPtrArray *owned;  /* the strings of options, freed at the end */
    GPtrArray *given;  /* the names of the options given */
    GPtrArray *inputs; /* the files named, but for -o */
    GPtrArray *swept;  /* folders that outputs go to, rid of what killed runs left there */
    /* The hash that the model must have, the file that says so, and the model's name and LoRAs
     * there; or NULL.
     */
    const char *expected_hash, *expected_by, *expected_model, *expected_loras;
} pb_cli;

/* Texts of a command's help (manual.h). */
typedef struct pb_help {
    const char *usage;   /* "IMAGE -o xT.npy" */
    const char *summary; /* what it does, before the options; two line ends begin a paragraph */
    const char *example; /* after the options: "Example:\n  pullback …" */
} pb_help;

/* A whole command. Parses argv: its own entries, `more` (or NULL), and the options of all commands;
 * --help, and as the first argument what manual.h answers, print and end the program. Sets the
 * number of threads. Then check gets what is left in argv[1 … argc-1], and run works. Both get the
 * cli, which is the first member of the command's own options, and make those of it again. Reports
 * how it ended; returns 0, 1 (run failed, or there is no memory), 2 (of parse or check). */
typedef pb_status (*pb_cli_check)(pb_cli *cli, int argc, char **argv, pb_error *error);
typedef pb_status (*pb_cli_run)(pb_cli *cli, pb_error *error);
int pb_cli_command(pb_cli *cli, const pb_help *help, const GOptionEntry *entries,
                   const GOptionEntry *more, int argc, char **argv, pb_cli_check check,
                   pb_cli_run run);

/* The options that say how the command's model is opened. */
pb_model_options pb_cli_model_options(const pb_cli *cli);

/* The names of the models that --model can find by name, sorted; g_ptr_array_unref. */
GPtrArray *pb_model_names(void);

/* A line in which control characters, and what is no UTF-8, are shown as U+FFFD: names have them,
 * and a terminal would obey. */
void pb_print_line(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Such a line on stdout, or with --json on stderr; nothing with --quiet. */
void pb_say(const pb_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line on stderr, "pullback NAME: …"; nothing with --quiet. */
void pb_note(const pb_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line on stderr, "pullback NAME: warning: …". */
void pb_warn(const pb_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints the object on stdout with --json; frees it in any case. */
void pb_cli_print(const pb_cli *cli, json_t *object);

/* Was this option given ("stages")? */
int pb_cli_given(const pb_cli *cli, const char *option);

/* Refuses those of the options ("damping,form") that are given although they would do nothing; why:
 * "goes with --u". Errors: PB_INVALID. */
pb_status pb_cli_refuse(const pb_cli *cli, const char *options, const char *why, pb_error *error);

/* Writes out what was printed; what cannot be written, to a full disk say, makes of the status 0 a
 * failure. Returns the status to end with. */
int pb_cli_flush(int status);

/* Warns where the --precision given (or NULL) is bf16, and not faster. */
void pb_check_precision(const pb_cli *cli, const char *precision);

/* What a command writes, by the endings of its name. */
enum { PB_OUT_NPY = 1, PB_OUT_PICTURE = 2, PB_OUT_BASIS = 4, PB_OUT_NOISY = 8 };

/* Checks -o: that it is given, and ends as one of the kinds does; hint: an example of one.
 * Errors: PB_INVALID. */
pb_status pb_check_out(const char *out, unsigned kinds, const char *hint, pb_error *error);

/* Checks that a file can be made there, before any work is done for it, and that it is none of the
 * command's own inputs, unless --force. Errors: PB_IO, PB_INVALID. */
pb_status pb_check_output(const pb_cli *cli, const char *path, pb_error *error);

/* The same of several; takes over the list (g_strfreev). */
pb_status pb_check_outputs(const pb_cli *cli, char **paths, pb_error *error);

/* Makes a folder unless it is there. Errors: PB_IO. */
pb_status pb_make_folder(const char *path, pb_error *error);

#endif
