/* What can stand where a shell's user presses the tabulator. */
#include <string.h>

#include "terminal/command.h"
#include "terminal/manual.h"
#include "terminal/options.h"
#include "terminal/shell.h"

/* A candidate, if it begins with what is there; before: what stands before it ("--model="). */
static void offer(FILE *stream, const char *before, const char *begun, const char *word,
                  const char *meaning)
{
    if (g_str_has_prefix(word, begun))
        fprintf(stream, "%s%s\t%s\n", before, word, meaning);
}

/* Those whose names need no quotes: bash puts what is offered into the command as it is. */
static void offer_models(FILE *stream, const char *before, const char *begun)
{
    GPtrArray *names = pb_model_names();

    for (guint i = 0; i < names->len; i++)
        if (pb_shell_is_plain(names->pdata[i]))
            offer(stream, before, begun, names->pdata[i], "a model");
    g_ptr_array_unref(names);
}

static void offer_values(FILE *stream, const char *before, const char *begun,
                         const GOptionEntry *option)
{
    bool closed;
    char **words = pb_option_words(option->long_name, &closed);

    if (!strcmp(option->long_name, "model"))
        offer_models(stream, before, begun);
    for (char **word = words; word && *word && option->arg == G_OPTION_ARG_STRING; word++)
        offer(stream, before, begun, *word, "");
    g_strfreev(words);
}

static void offer_options(const pb_manual *m, FILE *stream, const char *begun)
{
    for (pb_topic topic = 0; topic < PB_TOPICS; topic++) {
        const GOptionEntry *e;
        size_t at = 0;

        while ((e = pb_manual_option(m, topic, &at)) != NULL) {
            char *name = g_strconcat("--", e->long_name, NULL);
            offer(stream, "", begun, name, e->description);
            g_free(name);
        }
    }
    offer(stream, "", begun, "--help", "Options and an example");
}

/* The option that takes a value, written "--NAME" (of `length` bytes) or "-N"; NULL: none does. */
static const GOptionEntry *option_of(const pb_manual *m, const char *word, size_t length)
{
    for (pb_topic topic = 0; topic < PB_TOPICS; topic++) {
        const GOptionEntry *e;
        size_t at = 0;

        while ((e = pb_manual_option(m, topic, &at)) != NULL)
            if (e->arg != G_OPTION_ARG_NONE &&
                ((length > 2 && !strncmp(word, "--", 2) && strlen(e->long_name) == length - 2 &&
                  !strncmp(word + 2, e->long_name, length - 2)) ||
                 (length == 2 && word[0] == '-' && word[1] == e->short_name)))
                return e;
    }
    return NULL;
}

static void offer_parts(const char *name, FILE *stream, const char *begun)
{
    const pb_command *part;
    const char *word;
    size_t at = 0;

    while ((part = pb_command_part(name, &at, &word)) != NULL)
        offer(stream, "", begun, word, part->summary);
}

void pb_manual_complete(const pb_manual *m, int count, char **words, FILE *stream)
{
    const char *begun = words[count - 1], *equals = strchr(begun, '=');
    const char *before = count > 1 ? words[count - 2] : "";
    const GOptionEntry *option;

    /* bash makes three words of "--model=f", the others one. */
    if (!strcmp(begun, "="))
        begun = "";
    else if (!strcmp(before, "="))
        before = count > 2 ? words[count - 3] : "";
    else if (equals && (option = option_of(m, begun, (size_t)(equals - begun))) != NULL) {
        char *name = g_strndup(begun, (size_t)(equals + 1 - begun));
        offer_values(stream, name, equals + 1, option);
        g_free(name);
        return;
    }
    option = option_of(m, before, strlen(before));
    if (option)
        offer_values(stream, "", begun, option);
    else if (*begun == '-')
        offer_options(m, stream, begun);
    else if (g_str_has_prefix(m->help->usage, "MODEL") ||
             g_str_has_prefix(m->help->usage, "[MODEL]"))
        offer_models(stream, "", begun);
    else if (count == 1)
        offer_parts(m->name, stream, begun);
}
