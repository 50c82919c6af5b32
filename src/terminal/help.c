/* help: the program's own manual, those of its commands, and what their words mean. */
#include <stdlib.h>
#include <string.h>

#include "base/likeness.h"
#include "terminal/command.h"
#include "terminal/help.h"
#include "terminal/terms.h"

static const pb_help program = {
    "COMMAND [OPTION…]",
    "Riemannian geometry of a diffusion model's latent space, and editing by it.\n\n"
    "A model is named by the path of its folder, or of its one file; or by the folder's name where "
    "that lies in the folder "
    "that PULLBACK_MODELS (in the environment) names, in models/ here, or among the models that "
    "came with the program; or by owner/name in the Hugging Face cache, "
    "into which fetch brings it.",
    "Examples:\n"
    "  pullback demo          a first edit, with a photo and a model that come with it\n"
    "  pullback help edit     a command's options and an example: as pullback edit --help\n"
    "  pullback help terms    what the words mean: tap, boost, tangent space …\n"
    "  pullback --version"};

void pb_help_print(FILE *stream)
{
    pb_manual_print(&(pb_manual){"", &program, NULL, 0}, stream);
}

/* -- terms ----------------------------------------------------------------------------------- */

static void print_term(const pb_term *term)
{
    printf("%s\n    ", term->name);
    pb_wrap(stdout, term->meaning, 4, 4, PB_WIDTH);
}

static void print_terms(void)
{
    const pb_term *term;

    for (size_t i = 0; (term = pb_term_at(i)) != NULL; i++) {
        fputs(i ? "\n" : "", stdout);
        print_term(term);
    }
}

/* Those in whose name the word is one ("Karcher", "h-space"); returns whether there were any. */
static int print_terms_named(const char *word)
{
    const pb_term *term;
    int found = 0;

    for (size_t i = 0; (term = pb_term_at(i)) != NULL; i++) {
        const char *at = *word ? strcasestr(term->name, word) : NULL;
        if (at && (at == term->name || at[-1] == ' ')) {
            fputs(found ? "\n" : "", stdout);
            print_term(term);
            found = 1;
        }
    }
    return found;
}

/* -- questions that scripts ask -------------------------------------------------------------- */

/* The command lines whose pages there are: "edit", "study samples". */
static void list_pages(void)
{
    for (const pb_command *c = pb_commands; c->name; c++)
        puts(c->name);
}

/* Runs a command with its name's words and a question in place of arguments. */
static int ask(const pb_command *command, int count, char **question)
{
    char **argv = g_strsplit(command->name, " ", -1);
    guint words = g_strv_length(argv);
    int status;

    argv = g_renew(char *, argv, words + (guint)count + 1);
    for (int i = 0; i < count; i++)
        argv[words + (guint)i] = g_strdup(question[i]);
    argv[words + (guint)count] = NULL;
    status = command->run((int)words + count, argv);
    g_strfreev(argv);
    return status;
}

/* The command that words begin with, the longest name first; *used: of how many words. */
static const pb_command *find(int count, char **words, int *used)
{
    const pb_command *found = NULL;

    for (int n = count < 2 ? count : 2; n > 0 && !found; n--) {
        char *name = n == 2 ? g_strconcat(words[0], " ", words[1], NULL) : g_strdup(words[0]);
        found = pb_command_named(name);
        *used = n;
        g_free(name);
    }
    return found;
}

/* What can stand at the end of a command line: the last word is the one to be completed. */
static int complete(int count, char **words)
{
    const pb_manual manual = {"", &program, NULL, 0};
    const pb_command *command;
    char **question;
    int used = 0, status;

    if (count == 1) {
        pb_manual_complete(&manual, count, words, stdout);
        return 0;
    }
    command = find(count - 1, words, &used);
    if (!command)
        return 0;
    question = g_new(char *, (size_t)(count - used + 1));
    question[0] = "--complete";
    memcpy(question + 1, words + used, (size_t)(count - used) * sizeof *words);
    status = ask(command, count - used + 1, question);
    g_free(question);
    return status;
}

int pb_help_answer(int argc, char **argv, int *status)
{
    const char *question = argc > 1 ? argv[1] : "";

    *status = 0;
    if (argc == 2 && !strcmp(question, "--man"))
        pb_manual_roff(&(pb_manual){"", &program, NULL, 0}, stdout);
    else if (argc == 2 && !strcmp(question, "--man-pages"))
        list_pages();
    else if (argc > 2 && !strcmp(question, "--complete"))
        *status = complete(argc - 2, argv + 2);
    else
        return 0;
    return 1;
}

/* -- the command ----------------------------------------------------------------------------- */

pb_hint pb_help_likely(const char *name)
{
    pb_likeness likeness = pb_likeness_to(name);
    const pb_command *command;
    const char *word;

    for (size_t at = 0; (command = pb_command_part("", &at, &word)) != NULL;)
        pb_likeness_add(&likeness, word);
    return pb_likeness_hint(&likeness);
}

/* Completes what help is asked about. */
static void complete_subject(int count, char **words)
{
    if (count == 1 && g_str_has_prefix("terms", words[0]))
        puts("terms\twhat the words mean");
    complete(count, words);
}

int pb_command_help(int argc, char **argv)
{
    static const pb_help help = {
        "[COMMAND | terms | WORD]",
        "Lists the commands; shows the options of one, with an example; or says what the words "
        "mean, all of them or one.",
        "Examples:\n  pullback help edit\n  pullback help study timesteps\n  pullback help terms\n"
        "  pullback help boost"};
    const pb_manual manual = {"help", &help, NULL, 0};
    const pb_command *command;
    int used = 0;

    if (argc == 1) {
        pb_help_print(stdout);
        return 0;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        pb_manual_print(&manual, stdout);
        return 0;
    }
    if (argc > 2 && !strcmp(argv[1], "--complete")) {
        complete_subject(argc - 2, argv + 2);
        return 0;
    }
    if (pb_manual_answer(&manual, argc, argv))
        return 0;
    command = find(argc - 1, argv + 1, &used);
    if (command && used == argc - 1)
        return ask(command, 1, (char *[]){"--help"});
    if (argc == 2 && !strcmp(argv[1], "terms")) {
        print_terms();
        return 0;
    }
    if (argc == 2 && print_terms_named(argv[1]))
        return 0;
    pb_print_line(stderr,
                  "pullback help: %s: neither a command%s nor a word of pullback help terms",
                  argv[argc - 1], pb_help_likely(argv[1]).text);
    return PB_EXIT_USAGE;
}
