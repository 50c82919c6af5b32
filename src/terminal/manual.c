#include "terminal/manual.h"

#include <string.h>

#include "terminal/command.h"

/* -- topics ---------------------------------------------------------------------------------- */

const char *pb_topic_title(pb_topic topic)
{
    static const char *const titles[PB_TOPICS] = {
        [PB_TOPIC_IMAGE] = "Which image",
        [PB_TOPIC_FILES] = "Which files",
        [PB_TOPIC_TARGET] = "Onto what",
        [PB_TOPIC_POINT] = "Which point on its way to noise",
        [PB_TOPIC_CONDITION] = "Under which prompt or class",
        [PB_TOPIC_DIRECTION] = "Which directions",
        [PB_TOPIC_MAP] = "Of which map",
        [PB_TOPIC_SOLVER] = "How they are computed",
        [PB_TOPIC_TRAVEL] = "How far, and in which way",
        [PB_TOPIC_DRAWING] = "How they are drawn",
        [PB_TOPIC_MEASURING] = "What is measured",
        [PB_TOPIC_OUTPUT] = "What is written",
        [PB_TOPIC_MACHINE] = "Model and machine",
        [PB_TOPIC_OTHER] = "Others",
    };

    return titles[topic];
}

/* By the option's name, in one command or (NULL) in all others. */
static const struct {
    const char *command, *name;
    pb_topic topic;
} topics[] = {
    {"bench", "tune", PB_TOPIC_OUTPUT},
    {"sample", "boost", PB_TOPIC_DRAWING},
    {"sample", "noise-seed", PB_TOPIC_DRAWING},
    {"sample", "steps", PB_TOPIC_DRAWING},
    {"transport", "basis", PB_TOPIC_DIRECTION},
    {NULL, "across-models", PB_TOPIC_DIRECTION},
    {NULL, "backend", PB_TOPIC_MACHINE},
    {NULL, "basis", PB_TOPIC_DIRECTION},
    {NULL, "blend", PB_TOPIC_OUTPUT},
    {NULL, "block", PB_TOPIC_SOLVER},
    {NULL, "blocks", PB_TOPIC_MEASURING},
    {NULL, "boost", PB_TOPIC_TRAVEL},
    {NULL, "carry", PB_TOPIC_DIRECTION},
    {NULL, "catalogue", PB_TOPIC_OUTPUT},
    {NULL, "certificate", PB_TOPIC_MACHINE},
    {NULL, "class", PB_TOPIC_CONDITION},
    {NULL, "config", PB_TOPIC_MACHINE},
    {NULL, "context", PB_TOPIC_CONDITION},
    {NULL, "costs", PB_TOPIC_MACHINE},
    {NULL, "crop", PB_TOPIC_IMAGE},
    {NULL, "crop-coords", PB_TOPIC_CONDITION},
    {NULL, "damping", PB_TOPIC_DIRECTION},
    {NULL, "direct", PB_TOPIC_POINT},
    {NULL, "direction", PB_TOPIC_DIRECTION},
    {NULL, "dry-run", PB_TOPIC_OUTPUT},
    {NULL, "edit-iterations", PB_TOPIC_TRAVEL},
    {NULL, "edit-length", PB_TOPIC_TRAVEL},
    {NULL, "edit-prompt", PB_TOPIC_CONDITION},
    {NULL, "edit-scale", PB_TOPIC_TRAVEL},
    {NULL, "edit-step", PB_TOPIC_TRAVEL},
    {NULL, "fit", PB_TOPIC_IMAGE},
    {NULL, "fix", PB_TOPIC_POINT},
    {NULL, "force", PB_TOPIC_OUTPUT},
    {NULL, "form", PB_TOPIC_DIRECTION},
    {NULL, "from", PB_TOPIC_MAP},
    {NULL, "guidance-scale", PB_TOPIC_CONDITION},
    {NULL, "guided", PB_TOPIC_MAP},
    {NULL, "hash", PB_TOPIC_OUTPUT},
    {NULL, "height", PB_TOPIC_IMAGE},
    {NULL, "host", PB_TOPIC_MACHINE},
    {NULL, "include", PB_TOPIC_FILES},
    {NULL, "json", PB_TOPIC_OUTPUT},
    {NULL, "jvp", PB_TOPIC_MAP},
    {NULL, "key", PB_TOPIC_MACHINE},
    {NULL, "kind", PB_TOPIC_DIRECTION},
    {NULL, "latents", PB_TOPIC_IMAGE},
    {NULL, "listen", PB_TOPIC_MACHINE},
    {NULL, "lora", PB_TOPIC_MACHINE},
    {NULL, "mask", PB_TOPIC_MAP},
    {NULL, "max-applications", PB_TOPIC_SOLVER},
    {NULL, "max-megapixels", PB_TOPIC_IMAGE},
    {NULL, "memory", PB_TOPIC_MACHINE},
    {NULL, "method", PB_TOPIC_SOLVER},
    {NULL, "mode", PB_TOPIC_TRAVEL},
    {NULL, "model", PB_TOPIC_MACHINE},
    {NULL, "negative-prompt", PB_TOPIC_CONDITION},
    {NULL, "no-pictures", PB_TOPIC_OUTPUT},
    {NULL, "noise-seed", PB_TOPIC_TRAVEL},
    {NULL, "null-rank", PB_TOPIC_MAP},
    {NULL, "number", PB_TOPIC_IMAGE},
    {NULL, "open", PB_TOPIC_MACHINE},
    {NULL, "original-size", PB_TOPIC_CONDITION},
    {NULL, "onto", PB_TOPIC_TARGET},
    {NULL, "onto-basis", PB_TOPIC_TARGET},
    {NULL, "onto-t", PB_TOPIC_TARGET},
    {NULL, "out", PB_TOPIC_OUTPUT},
    {NULL, "no-paste", PB_TOPIC_OUTPUT},
    {NULL, "paste", PB_TOPIC_OUTPUT},
    {"eval", "pooled", PB_TOPIC_CONDITION},
    {"prompt", "pooled", PB_TOPIC_OUTPUT},
    {NULL, "port", PB_TOPIC_MACHINE},
    {NULL, "precision", PB_TOPIC_SOLVER},
    {NULL, "prediction-type", PB_TOPIC_MACHINE},
    {NULL, "project", PB_TOPIC_DIRECTION},
    {NULL, "prompt", PB_TOPIC_CONDITION},
    {NULL, "prompts", PB_TOPIC_CONDITION},
    {NULL, "quiet", PB_TOPIC_OUTPUT},
    {NULL, "quality", PB_TOPIC_OUTPUT},
    {NULL, "rank", PB_TOPIC_SOLVER},
    {NULL, "samples", PB_TOPIC_IMAGE},
    {NULL, "schedule", PB_TOPIC_MACHINE},
    {NULL, "seconds", PB_TOPIC_MEASURING},
    {NULL, "seed", PB_TOPIC_IMAGE},
    {NULL, "settings", PB_TOPIC_OUTPUT},
    {NULL, "space", PB_TOPIC_DIRECTION},
    {NULL, "spacing", PB_TOPIC_DRAWING},
    {NULL, "stages", PB_TOPIC_TRAVEL},
    {NULL, "start", PB_TOPIC_SOLVER},
    {NULL, "start-seed", PB_TOPIC_SOLVER},
    {NULL, "steps", PB_TOPIC_POINT},
    {NULL, "strength", PB_TOPIC_TRAVEL},
    {NULL, "strip", PB_TOPIC_OUTPUT},
    {NULL, "t", PB_TOPIC_POINT},
    {NULL, "tap", PB_TOPIC_MAP},
    {NULL, "target-size", PB_TOPIC_CONDITION},
    {NULL, "threads", PB_TOPIC_MACHINE},
    {NULL, "timestep", PB_TOPIC_POINT},
    {NULL, "timesteps", PB_TOPIC_POINT},
    {NULL, "tol", PB_TOPIC_SOLVER},
    {NULL, "u", PB_TOPIC_DIRECTION},
    {NULL, "vae", PB_TOPIC_MACHINE},
    {NULL, "variant", PB_TOPIC_FILES},
    {NULL, "verify", PB_TOPIC_SOLVER},
    {NULL, "vjp", PB_TOPIC_MAP},
    {NULL, "width", PB_TOPIC_IMAGE},
    {NULL, "x", PB_TOPIC_IMAGE},
};

static pb_topic topic_of(const char *command, const char *name)
{
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        if (!strcmp(topics[i].name, name) &&
            (!topics[i].command || !strcmp(topics[i].command, command)))
            return topics[i].topic;
    return PB_TOPIC_OTHER;
}

const GOptionEntry *pb_manual_option(const pb_manual *m, pb_topic topic, size_t *at)
{
    size_t index = 0;

    for (size_t i = 0; i < m->count; i++)
        for (const GOptionEntry *e = m->tables[i]; e && e->long_name; e++, index++)
            if (index >= *at && !(e->flags & G_OPTION_FLAG_HIDDEN) &&
                topic_of(m->name, e->long_name) == topic) {
                *at = index + 1;
                return e;
            }
    return NULL;
}

/* -- --help ---------------------------------------------------------------------------------- */

void pb_wrap(FILE *stream, const char *text, int indent, int column, int width)
{
    while (*text) {
        int length = (int)strcspn(text, " \n"), letters = (int)g_utf8_strlen(text, length);

        if (column > indent && column + 1 + letters > width) {
            fprintf(stream, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            putc(' ', stream);
            column++;
        }
        fprintf(stream, "%.*s", length, text);
        column += letters;
        text += length;
        if (text[0] == '\n' && text[1] == '\n') {
            fprintf(stream, "\n\n%*s", indent, "");
            column = indent;
            text++;
        }
        text += *text != '\0';
    }
    putc('\n', stream);
}

#define OPTION_COLUMN 27

static void print_option(const GOptionEntry *e, FILE *stream)
{
    GString *name = g_string_new(NULL);
    int letters;

    g_string_printf(name, "  %c%c%s --%s%s%s", e->short_name ? '-' : ' ',
                    e->short_name ? e->short_name : ' ', e->short_name ? "," : " ", e->long_name,
                    e->arg_description ? "=" : "", e->arg_description ? e->arg_description : "");
    letters = (int)g_utf8_strlen(name->str, -1);
    if (letters + 2 > OPTION_COLUMN)
        fprintf(stream, "%s\n%*s", name->str, OPTION_COLUMN, "");
    else
        fprintf(stream, "%s%*s", name->str, OPTION_COLUMN - letters, "");
    pb_wrap(stream, e->description, OPTION_COLUMN, OPTION_COLUMN, PB_WIDTH);
    g_string_free(name, TRUE);
}

static void print_parts(const char *name, FILE *stream)
{
    const pb_command *part;
    const char *word;
    size_t at = 0;

    for (int first = 1; (part = pb_command_part(name, &at, &word)) != NULL; first = 0)
        fprintf(stream, "%s  %-10s %s\n", first ? "\n" : "", word, part->summary);
}

void pb_manual_print(const pb_manual *m, FILE *stream)
{
    char *usage = g_strdup_printf("Usage: pullback%s%s%s %s", *m->name ? " " : "", m->name,
                                  m->count ? " [OPTION…]" : "", m->help->usage);

    pb_wrap(stream, usage, 4, 0, PB_WIDTH);
    putc('\n', stream);
    pb_wrap(stream, m->help->summary, 0, 0, PB_WIDTH);
    print_parts(m->name, stream);
    for (pb_topic topic = 0; topic < PB_TOPICS; topic++) {
        const GOptionEntry *e;
        size_t at = 0;

        for (int first = 1; (e = pb_manual_option(m, topic, &at)) != NULL; first = 0) {
            if (first)
                fprintf(stream, "\n%s:\n", pb_topic_title(topic));
            print_option(e, stream);
        }
    }
    fprintf(stream, "\n%s\n", m->help->example);
    fputs(m->count   ? "\nWhat the words mean: pullback help terms\n"
          : *m->name ? ""
                     : "\nExit status: 0 done, 1 failed, 2 wrong usage.\n",
          stream);
    g_free(usage);
}

int pb_manual_answer(const pb_manual *m, int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--man"))
        pb_manual_roff(m, stdout);
    else if (argc > 2 && !strcmp(argv[1], "--complete"))
        pb_manual_complete(m, argc - 2, argv + 2, stdout);
    else
        return 0;
    return 1;
}
