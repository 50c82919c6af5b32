#include "base/legible.h"
#include "cli/commands.h"
#include "studio/comparison.h"
#include "terminal/cli.h"

typedef struct options {
    pb_cli cli;
    char **files;
    size_t count;
    int rank;
    gboolean across;
    char *out;
} options;

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    options *o = (options *)cli;

    o->files = argv + 1;
    o->count = (size_t)argc - 1;
    if (o->count < 2)
        return pb_fail(error, PB_INVALID, "expected at least two basis files");
    return o->out ? PB_OK : pb_cli_refuse(cli, "force", "goes with -o", error);
}

static void say_pair(const options *o, const pb_compared *c, const char *space)
{
    pb_distances d = c->distances[1], part = pb_distances_ratio(d, c->largest);
    pb_distances random = pb_distances_ratio(c->random, c->largest);
    const double *angles = c->angles + c->k;

    pb_say(&o->cli, "%s and %s, in %s (%zu of %zu dimensions):", o->files[0], o->files[1], space,
           c->k, c->n);
    pb_say(&o->cli, "              distance   of the largest   random spaces");
    pb_say(&o->cli, "  geodesic    %8.4f   %14.4f   %13.4f", d.geodesic, part.geodesic,
           random.geodesic);
    pb_say(&o->cli, "  chordal     %8.4f   %14.4f   %13.4f", d.chordal, part.chordal,
           random.chordal);
    pb_say(&o->cli, "  procrustes  %8.4f   %14.4f   %13.4f", d.procrustes, part.procrustes,
           random.procrustes);
    pb_say(&o->cli, "  projection  %8.4f   %14.4f   %13.4f", d.projection, part.projection,
           random.projection);
    pb_say(&o->cli, "  principal angles: %.4f, median %.4f, %.4f rad", angles[0], angles[c->k / 2],
           angles[c->k - 1]);
}

/* The matrix of normalised geodesic distances. */
static void say_matrix(const options *o, const pb_compared *c, const char *space)
{
    pb_say(&o->cli,
           "geodesic distance in %s, of the largest (%zu dimensions; random spaces %.4f):", space,
           c->k, c->random.geodesic / c->largest.geodesic);
    for (size_t a = 0; a < o->count; a++) {
        GString *row = g_string_new("");
        for (size_t b = 0; b < o->count; b++)
            g_string_append_printf(row, " %.4f",
                                   c->distances[a * o->count + b].geodesic / c->largest.geodesic);
        pb_say(&o->cli, " %s  %s", row->str, o->files[a]);
        g_string_free(row, TRUE);
    }
}

static void tell_side(const options *o, const pb_compared *c, const char *space)
{
    if (c->why == PB_OTHER_TAPS)
        pb_note(&o->cli, "the directions in %s are at different taps: not compared", space);
    if (c->why == PB_COMPARED)
        (o->count == 2 ? say_pair : say_matrix)(o, c, space);
}

/* Says so where it is only that they are of different models. */
static pb_status compare(const options *o, const pb_basis *const *bases, pb_comparison *found,
                         pb_error *error)
{
    pb_comparison_options how = PB_COMPARISON_DEFAULTS;
    pb_status status;
    pb_error why;

    how.rank = (size_t)o->rank;
    how.across_models = o->across;
    status = pb_bases_compare(found, o->count, bases, &how, &o->cli.run, error);
    if (status != PB_INVALID || o->across)
        return status;
    how.across_models = 1;
    how.draws = 1;
    why = *error;
    if (pb_bases_compare(found, o->count, bases, &how, &o->cli.run, NULL) == PB_OK)
        pb_fail(error, PB_INVALID, "%s: --across-models compares them all the same", why.message);
    return PB_INVALID;
}

static pb_status run(pb_cli *cli, pb_error *error)
{
    const options *o = (const options *)cli;
    const char *const *names = (const char *const *)o->files;
    pb_comparison found = PB_COMPARISON_EMPTY;
    pb_bases bases = PB_BASES_EMPTY;
    pb_status status = o->out ? pb_check_output(&o->cli, o->out, error) : PB_OK;

    for (size_t i = 0; status == PB_OK && o->out && i < o->count; i++)
        status = pb_check_utf8(names[i], error);
    if (status == PB_OK)
        status = pb_bases_read(&bases, o->count, names, error);
    if (status == PB_OK)
        status = compare(o, bases.list, &found, error);
    if (status == PB_OK) {
        tell_side(o, &found.h, "H");
        tell_side(o, &found.x, "X");
        if (o->out)
            status = pb_comparison_write(&found, names, o->out, error);
    }
    if (status == PB_OK)
        pb_cli_print(&o->cli, pb_comparison_json(&found, names));
    pb_bases_clear(&bases);
    pb_comparison_clear(&found);
    return status;
}

int pb_command_compare(int argc, char **argv)
{
    static const pb_help help = {
        "A.safetensors B.safetensors [C.safetensors …]",
        "How far tangent spaces are apart, in H (the span of u) and in X (of v): principal "
        "angles,\n"
        "geodesic, chordal, Procrustes and projection distance, each also divided by its largest\n"
        "value, beside random subspaces of the same dimensions. More than two files: a matrix.",
        "Example:\n  pullback compare a.safetensors b.safetensors c.safetensors -o distances.csv"};
    options o = {.cli = {.name = "compare", .no_model = 1}};
    const GOptionEntry entries[] = {
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out,
         "Write all pairs as a table; a and b count the files from 0, file_a and file_b name them",
         "OUT.csv"},
        {"rank", 'k', 0, G_OPTION_ARG_INT, &o.rank,
         "Leading vectors to compare (default: as many as all files have)", "K"},
        {"across-models", 0, 0, G_OPTION_ARG_NONE, &o.across,
         "Compare even bases of different models", NULL},
        G_OPTION_ENTRY_NULL,
    };

    return pb_cli_command(&o.cli, &help, entries, NULL, argc, argv, check, run);
}
