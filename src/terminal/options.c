#include "terminal/options.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/backend.h"
#include "base/likeness.h"

/* -- what a number may be ------------------------------------------------------------------------
 */

/* By the option's name, in one command or (NULL) in all others. */
typedef struct range {
    const char *command, *name;
    double least, most;
    bool above; /* more than `least`, not as much */
} range;

#define ANY_SEED 9223372036854775807.0 /* a gint64, as far as a double has it */

static const range ranges[] = {
    {"bench", "rank", 0, 100000, false}, /* 0: none */
    {"invert", "t", 0, 1, false},        /* 0: the image itself */
    {NULL, "block", 1, 1024, false},
    {NULL, "boost", 0, 1, false},
    {NULL, "class", 0, 10000000, false},
    {NULL, "damping", 0, 1e9, false},
    {NULL, "edit-iterations", 1, 100000, false},
    {NULL, "edit-length", 1e-9, 1e9, false},
    {NULL, "edit-scale", -1e9, 1e9, false},
    {NULL, "edit-step", 1e-9, 1e9, false},
    {NULL, "guidance-scale", 0, 1000, false},
    {NULL, "height", 1, 65536, false},
    {NULL, "max-applications", 1, 1e9, false},
    {NULL, "max-megapixels", 0, 10000, true},
    {NULL, "noise-seed", 0, ANY_SEED, false},
    {NULL, "null-rank", 0, 100000, false},
    {NULL, "number", 1, 1000000, false},
    {NULL, "onto-t", 0, 1, true},
    {NULL, "quality", 1, 100, false},
    {NULL, "rank", 1, 100000, false},
    {NULL, "samples", 1, 100000, false},
    {NULL, "seconds", 0.01, 600, false},
    {NULL, "seed", 0, ANY_SEED, false},
    {NULL, "stages", 1, 1000, false},
    {NULL, "start-seed", 0, ANY_SEED, false},
    {NULL, "steps", 2, 100000, false},
    {NULL, "strength", -1, 1, false},
    {NULL, "t", 0, 1, true},
    {NULL, "threads", 1, 4096, false},
    {NULL, "timestep", 0, 99999, false},
    {NULL, "timesteps", 1, 100000, false},
    {NULL, "tol", 0, 1, true},
    {NULL, "width", 1, 65536, false},
};

static const range *range_of(const char *command, const char *name)
{
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (!strcmp(ranges[i].name, name) &&
            (!ranges[i].command || !strcmp(ranges[i].command, command)))
            return &ranges[i];
    return NULL;
}

static pb_status fail_range(const range *r, const char *text, bool whole, pb_error *error)
{
    const char *kind = whole ? "a whole number" : "a number", *bound = r->above ? "above" : "from";

    if (r->most >= ANY_SEED)
        return pb_fail(error, PB_INVALID, "--%s %s: expected %s, %g or more", r->name, text, kind,
                       r->least);
    return pb_fail(error, PB_INVALID, "--%s %s: expected %s %s %.15g to %.15g", r->name, text, kind,
                   bound, r->least, r->most);
}

/* -- what a word may be -------------------------------------------------------------------------
 */

/* By the option's name, "a,b,c". A word of a closed list is refused unless it is there,
 * of an open one (several with commas, taps of a network) the list is only what is likely. */
static const struct {
    const char *name, *words;
    bool closed;
} choices[] = {
    {"backend", NULL, true}, /* those there are */
    {"crop", "auto,none", false},
    {"fit", "crop,pad,stretch", true},
    {"fix", "x,t", true},
    {"form", "projection,pseudo-inverse", true},
    {"from", "x,mid", false},
    {"kind", "karcher,matched", true},
    {"method", "krylov,subspace", true},
    {"mode", "guidance,straight,relinearise,all", false},
    {"precision", "fp32,bf16", true},
    {"prediction-type", "epsilon,v_prediction,sample", true},
    {"space", "H,X", true},
    {"spacing", "paper,leading,trailing,linspace", true},
    {"tap", "mid,eps,x0,out,down.0,up.0", false},
};

static char **backend_names(void)
{
    GPtrArray *names = g_ptr_array_new();
    const char *name;

    for (size_t i = 0; (name = pb_backend_name(i)) != NULL; i++)
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

char **pb_option_words(const char *name, bool *closed)
{
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (!strcmp(choices[i].name, name)) {
            *closed = choices[i].closed;
            return choices[i].words ? g_strsplit(choices[i].words, ",", -1) : backend_names();
        }
    return NULL;
}

/* "--fit squeeze: expected crop, pad or stretch" */
static pb_status check_word(const char *name, const char *text, pb_error *error)
{
    bool closed = false;
    char **all = pb_option_words(name, &closed);
    guint count = all ? g_strv_length(all) : 0;
    GString *expected = g_string_new("");
    pb_status status = PB_OK;

    if (closed && !g_strv_contains((const char *const *)all, text)) {
        for (guint i = 0; i < count; i++)
            g_string_append_printf(expected, "%s%s",
                                   i == 0           ? ""
                                   : i == count - 1 ? " or "
                                                    : ", ",
                                   all[i]);
        status = pb_fail(error, PB_INVALID, "--%s %s: expected %s", name, text, expected->str);
    }
    g_string_free(expected, TRUE);
    g_strfreev(all);
    return status;
}

/* -- numbers ------------------------------------------------------------------------------------
 */

/* A table's copy, in which the numbers are texts. */
typedef struct table {
    const GOptionEntry *original;
    GOptionEntry *entries;
    char **texts; /* one for each entry; NULL: no number, or not given */
} table;

static bool is_number(const GOptionEntry *e)
{
    return e->arg == G_OPTION_ARG_INT || e->arg == G_OPTION_ARG_INT64 ||
           e->arg == G_OPTION_ARG_DOUBLE;
}

static table open_table(const GOptionEntry *original)
{
    table t = {.original = original};
    size_t count = 0;

    while (original[count].long_name)
        count++;
    t.entries = g_new(GOptionEntry, count + 1);
    t.texts = g_new0(char *, count + 1);
    memcpy(t.entries, original, (count + 1) * sizeof *original);
    for (size_t i = 0; i < count; i++)
        if (is_number(&original[i])) {
            t.entries[i].arg = G_OPTION_ARG_STRING;
            t.entries[i].arg_data = &t.texts[i];
        }
    return t;
}

static void close_table(table *t)
{
    for (size_t i = 0; t->entries[i].long_name; i++)
        g_free(t->texts[i]);
    g_free(t->texts);
    g_free(t->entries);
}

static pb_status read_number(const char *command, const GOptionEntry *e, const char *text,
                             pb_error *error)
{
    static const range any = {.least = -1e300, .most = 1e300};
    const range *r = range_of(command, e->long_name);
    bool whole = e->arg != G_OPTION_ARG_DOUBLE;
    gint64 integer = 0;
    double value;
    char *end;

    if (!r)
        r = &any;
    errno = 0;
    if (whole) {
        integer = g_ascii_strtoll(text, &end, 10);
        value = (double)integer;
    } else
        value = g_ascii_strtod(text, &end);
    if (end == text || *end || errno == ERANGE || !isfinite(value) || value < r->least ||
        (r->above && value == r->least) || value > r->most)
        return r == &any
                   ? pb_fail(error, PB_INVALID, "--%s %s: expected a number", e->long_name, text)
                   : fail_range(r, text, whole, error);
    if (e->arg == G_OPTION_ARG_INT)
        *(int *)e->arg_data = (int)integer;
    else if (whole)
        *(gint64 *)e->arg_data = integer;
    else
        *(double *)e->arg_data = value;
    return PB_OK;
}

/* A text may be empty only where that means something: a prompt of nothing; and -o, which asks
 * where to. */
static bool may_be_empty(const char *name)
{
    static const char *const names[] = {"prompt", "edit-prompt", "negative-prompt", "out"};
    size_t i = 0;

    while (i < sizeof names / sizeof *names && strcmp(names[i], name))
        i++;
    return i < sizeof names / sizeof *names;
}

static bool is_text(const GOptionEntry *e)
{
    return e->arg == G_OPTION_ARG_STRING || e->arg == G_OPTION_ARG_FILENAME;
}

/* Does an option stand there? Flags and texts are false and NULL before they are parsed. */
static bool is_given(const GOptionEntry *e, const char *number)
{
    if (is_number(e))
        return number != NULL;
    return e->arg == G_OPTION_ARG_NONE ? *(gboolean *)e->arg_data : *(void **)e->arg_data != NULL;
}

static pb_status settle_text(pb_cli *cli, const GOptionEntry *e, pb_error *error)
{
    char *text = *(char **)e->arg_data;

    if (!*text && !may_be_empty(e->long_name))
        return pb_fail(error, PB_INVALID, "--%s: expected something, found nothing", e->long_name);
    if (e->arg == G_OPTION_ARG_STRING)
        return check_word(e->long_name, text, error);
    if (strcmp(e->long_name, "out") && strcmp(e->long_name, "tune"))
        g_ptr_array_add(cli->inputs, text);
    return PB_OK;
}

/* Takes over what parsing has put into one table. */
static pb_status settle(pb_cli *cli, const table *t, pb_error *error)
{
    for (size_t i = 0; t->entries[i].long_name; i++) {
        const GOptionEntry *e = &t->original[i];
        if (!is_given(e, t->texts[i]))
            continue;
        g_ptr_array_add(cli->given, (void *)e->long_name);
        if (is_number(e))
            PB_TRY(read_number(cli->name, e, t->texts[i], error));
        else if (is_text(e))
            PB_TRY(settle_text(cli, e, error));
    }
    return PB_OK;
}

/* Takes over the strings, also of a parse that failed half-way. */
static void keep_strings(pb_cli *cli, const table *t)
{
    for (const GOptionEntry *e = t->original; e->long_name; e++)
        if (is_text(e))
            g_ptr_array_add(cli->owned, *(char **)e->arg_data);
}

/* -- parsing ------------------------------------------------------------------------------------
 */

/* Takes out the "--" that ended the options, which GLib leaves. */
static void drop_dashes(int *argc, char **argv)
{
    int i = 1;

    while (i < *argc && strcmp(argv[i], "--"))
        i++;
    if (i == *argc)
        return;
    memmove(argv + i, argv + i + 1, (size_t)(*argc - i) * sizeof *argv);
    (*argc)--;
}

/* GLib's own message, and for an unknown option those that are like it. */
static pb_status fail_parse(const GError *wrong, const table *tables, size_t count, pb_error *error)
{
    const char *dashes = strstr(wrong->message, " --");
    pb_likeness likeness;

    if (!g_error_matches(wrong, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION) || !dashes)
        return pb_fail(error, PB_INVALID, "%s", wrong->message);
    likeness = pb_likeness_to(dashes + 1);
    for (size_t i = 0; i < count; i++)
        for (const GOptionEntry *e = tables[i].entries; e->long_name; e++)
            if (!(e->flags & G_OPTION_FLAG_HIDDEN)) {
                char *name = g_strdup_printf("--%s", e->long_name);
                pb_likeness_add(&likeness, name);
                g_free(name);
            }
    return pb_fail(error, PB_INVALID, "%s%s", wrong->message,
                   likeness.distance <= 3 ? pb_likeness_hint(&likeness).text : "");
}

#define MOST_TABLES 5

/* --help, wherever it stands: what is wrong behind it does not matter. */
static gboolean ask_help(const char *option, const char *value, void *asked, GError **error)
{
    (void)option;
    (void)value;
    *(int *)asked = 1;
    g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "help");
    return FALSE;
}

pb_status pb_options_parse(pb_cli *cli, GOptionContext *context, const GOptionEntry *const *tables,
                           size_t count, int *argc, char ***argv, pb_error *error)
{
    const GOptionEntry help[] = {{"help", 'h', G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK,
                                  (void *)(intptr_t)ask_help, NULL, NULL},
                                 G_OPTION_ENTRY_NULL};
    table open[MOST_TABLES];
    size_t n = 0;
    GError *wrong = NULL;
    pb_status status = PB_OK;
    gboolean parsed;

    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_main_group(context,
                                    g_option_group_new("main", "", "", &cli->help_asked, NULL));
    g_option_context_add_main_entries(context, help, NULL);
    for (size_t i = 0; i < count; i++)
        if (tables[i]) {
            open[n] = open_table(tables[i]);
            g_option_context_add_main_entries(context, open[n++].entries, NULL);
        }
    parsed = g_option_context_parse(context, argc, argv, &wrong);
    if (!parsed) {
        status = fail_parse(wrong, open, n, error);
        g_error_free(wrong);
    } else
        drop_dashes(argc, *argv);
    for (size_t i = 0; parsed && i < n; i++) {
        keep_strings(cli, &open[i]);
        if (status == PB_OK)
            status = settle(cli, &open[i], error);
    }
    for (int i = 1; parsed && i < *argc; i++)
        g_ptr_array_add(cli->inputs, (*argv)[i]);
    for (size_t i = 0; i < n; i++)
        close_table(&open[i]);
    return status;
}
