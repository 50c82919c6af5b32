/* Man pages, in the macros of man(7). What roff would take for its own in a text is escaped. */
#include <string.h>

#include "terminal/command.h"
#include "terminal/manual.h"
#include "terminal/terms.h"

static void print_text(FILE *stream, const char *text)
{
    int start = 1; /* of a line: where roff reads requests */

    for (; *text; text++) {
        if (start && (*text == '.' || *text == '\''))
            fputs("\\&", stream);
        start = *text == '\n';
        if (*text == '\\')
            fputs("\\e", stream);
        else if (*text == '-')
            fputs("\\-", stream); /* not a hyphen: it can be pasted */
        else if (*text == '\'')
            fputs("\\(aq", stream);
        else if (*text == '^')
            fputs("\\(ha", stream);
        else if (*text == '~')
            fputs("\\(ti", stream);
        else
            putc(*text, stream);
    }
}

/* The head of a page with its NAME section: of "edit", "pullback-edit". */
static void print_head(FILE *stream, const char *name, const char *summary)
{
    char *page = g_strdelimit(g_strconcat("pullback", *name ? " " : "", name, NULL), " ", '-');
    char *title = g_ascii_strup(page, -1);

    fputs(".TH ", stream);
    print_text(stream, title);
    fprintf(stream, " 1 \"\" \"pullback %s\" \"Pullback\"\n.SH NAME\n", pb_version());
    print_text(stream, page);
    fputs(" \\- ", stream);
    print_text(stream, summary);
    putc('\n', stream);
    g_free(title);
    g_free(page);
}

static void print_paragraphs(FILE *stream, const char *text)
{
    char **paragraphs = g_strsplit(text, "\n\n", -1);

    for (char **p = paragraphs; *p; p++) {
        fputs(p == paragraphs ? "" : ".PP\n", stream);
        print_text(stream, *p);
        putc('\n', stream);
    }
    g_strfreev(paragraphs);
}

static void print_parts(const char *name, FILE *stream)
{
    const pb_command *part;
    const char *word;
    size_t at = 0;

    for (int first = 1; (part = pb_command_part(name, &at, &word)) != NULL; first = 0) {
        char *page = g_strdelimit(g_strdup(part->name), " ", '-');
        fputs(first ? ".SH COMMANDS\n.TP\n\\fBpullback\\-" : ".TP\n\\fBpullback\\-", stream);
        print_text(stream, page);
        fputs("\\fR(1)\n", stream);
        print_text(stream, part->summary);
        putc('\n', stream);
        g_free(page);
    }
}

static void print_terms(FILE *stream)
{
    const pb_term *term;

    fputs(".SH TERMS\n", stream);
    for (size_t i = 0; (term = pb_term_at(i)) != NULL; i++) {
        fputs(".TP\n\\fB", stream);
        print_text(stream, term->name);
        fputs("\\fR\n", stream);
        print_text(stream, term->meaning);
        putc('\n', stream);
    }
}

static void print_option(const GOptionEntry *e, FILE *stream)
{
    fputs(".TP\n", stream);
    if (e->short_name)
        fprintf(stream, "\\fB\\-%c\\fR, ", e->short_name);
    fputs("\\fB\\-\\-", stream);
    print_text(stream, e->long_name);
    fputs("\\fR", stream);
    if (e->arg_description) {
        fputs("=\\fI", stream);
        print_text(stream, e->arg_description);
        fputs("\\fR", stream);
    }
    putc('\n', stream);
    print_text(stream, e->description);
    putc('\n', stream);
}

void pb_manual_roff(const pb_manual *m, FILE *stream)
{
    const pb_command *command = pb_command_named(m->name);
    const char *example = strchr(m->help->example, '\n');

    print_head(stream, m->name,
               command ? command->summary
                       : "edits images by the geometry of a "
                         "diffusion model's latent space");
    fputs(".SH SYNOPSIS\n\\fBpullback", stream);
    fputs(*m->name ? " " : "", stream);
    print_text(stream, m->name);
    fputs(m->count ? "\\fR [OPTION…] " : "\\fR ", stream);
    print_text(stream, m->help->usage);
    fputs("\n.SH DESCRIPTION\n", stream);
    print_paragraphs(stream, m->help->summary);
    print_parts(m->name, stream);
    fputs(m->count ? ".SH OPTIONS\n" : "", stream);
    for (pb_topic topic = 0; topic < PB_TOPICS; topic++) {
        const GOptionEntry *e;
        size_t at = 0;

        for (int first = 1; (e = pb_manual_option(m, topic, &at)) != NULL; first = 0) {
            if (first)
                fprintf(stream, ".SS %s\n", pb_topic_title(topic));
            print_option(e, stream);
        }
    }
    fputs(".SH EXAMPLES\n.nf\n", stream);
    print_text(stream, example ? example + 1 : m->help->example);
    fputs("\n.fi\n", stream);
    if (!*m->name)
        print_terms(stream);
    fputs(".SH EXIT STATUS\n0: done; 1: failed; 2: wrong usage.\n", stream);
    if (*m->name)
        fputs(".SH SEE ALSO\n\\fBpullback\\fR(1): the other commands, and what the words mean\n",
              stream);
}
