#include <stdio.h>

#include "base/legible.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "io/csv.h"
#include "io/file.h"
#include "terminal/cli.h"

typedef struct options {
    pb_cli cli;
    char **files;
    size_t count;
    int rank;
    gboolean across;
    char *out;
} options;

static pb_status check(options *o, int argc, char **argv, pb_error *error)
{
    o->files = argv + 1;
    o->count = (size_t)argc - 1;
    if (o->count < 2)
        return pb_fail(error, PB_INVALID, "expected at least two basis files");
    return PB_OK;
}

/* One side as it is told. */
typedef struct side {
    const char *name; /* "H" or "X" */
    const pb_compared *found;
} side;

static json_t *distances_json(pb_distances d)
{
    return json_pack("{s:f, s:f, s:f, s:f}", "geodesic", d.geodesic, "chordal", d.chordal,
                     "procrustes", d.procrustes, "projection", d.projection);
}

static json_t *pair_json(const options *o, const pb_compared *c, size_t a, size_t b)
{
    size_t pair = a * o->count + b;
    json_t *angles = json_array();

    for (size_t i = 0; i < c->k; i++)
        json_array_append_new(angles, json_real(c->angles[pair * c->k + i]));
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "a", o->files[a], "b", o->files[b], "angles",
                     angles, "distance", distances_json(c->distances[pair]), "normalised",
                     distances_json(pb_distances_ratio(c->distances[pair], c->largest)));
}

static json_t *side_json(const options *o, const pb_compared *c)
{
    json_t *pairs = json_array();

    for (size_t a = 0; a < o->count; a++)
        for (size_t b = a + 1; b < o->count; b++)
            json_array_append_new(pairs, pair_json(o, c, a, b));
    return json_pack("{s:I, s:I, s:o, s:o, s:o}", "rank", (json_int_t)c->k, "dimension",
                     (json_int_t)c->n, "pairs", pairs, "random", distances_json(c->random),
                     "largest", distances_json(c->largest));
}

static void write_pairs(const options *o, const side *s, FILE *table)
{
    for (size_t a = 0; a < o->count; a++)
        for (size_t b = a + 1; b < o->count; b++) {
            pb_distances d = s->found->distances[a * o->count + b];
            pb_distances part = pb_distances_ratio(d, s->found->largest);
            fprintf(table, "%s,%zu,%zu,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g", s->name, a, b,
                    d.geodesic, d.chordal, d.procrustes, d.projection, part.geodesic, part.chordal,
                    part.procrustes, part.projection);
            putc(',', table);
            pb_csv_quote(table, o->files[a]);
            putc(',', table);
            pb_csv_quote(table, o->files[b]);
            putc('\n', table);
        }
}

static void say_pair(const options *o, const side *s)
{
    const pb_compared *c = s->found;
    pb_distances d = c->distances[1], part = pb_distances_ratio(d, c->largest);
    pb_distances random = pb_distances_ratio(c->random, c->largest);
    const double *angles = c->angles + c->k;

    pb_say(&o->cli, "%s and %s, in %s (%zu of %zu dimensions):", o->files[0], o->files[1], s->name,
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
static void say_matrix(const options *o, const side *s)
{
    const pb_compared *c = s->found;

    pb_say(&o->cli,
           "geodesic distance in %s, of the largest (%zu dimensions; random spaces %.4f):", s->name,
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

static void tell_side(const options *o, const side *s, json_t *object, FILE *table)
{
    if (s->found->why == PB_OTHER_TAPS)
        pb_note(&o->cli, "the directions in %s are at different taps: not compared", s->name);
    if (s->found->why != PB_COMPARED)
        return;
    if (o->count == 2)
        say_pair(o, s);
    else
        say_matrix(o, s);
    if (table)
        write_pairs(o, s, table);
    json_object_set_new(object, s->name, side_json(o, s->found));
}

static pb_status tell(const options *o, const pb_comparison *found, pb_error *error)
{
    const side sides[2] = {{"H", &found->h}, {"X", &found->x}};
    pb_output table = PB_OUTPUT_EMPTY;
    json_t *object;

    if (o->out) {
        PB_TRY(pb_output_open(&table, o->out, error));
        fprintf(table.stream,
                "space,a,b,geodesic,chordal,procrustes,projection,geodesic_normalised,"
                "chordal_normalised,procrustes_normalised,projection_normalised,file_a,"
                "file_b\n");
    }
    object = json_object();
    for (size_t i = 0; i < 2; i++)
        tell_side(o, &sides[i], object, table.stream);
    if (o->out && pb_output_commit(&table, error) != PB_OK) {
        json_decref(object);
        return error->status;
    }
    pb_cli_print(&o->cli, object);
    return PB_OK;
}

static pb_status read_all(const options *o, pb_basis *bases, const pb_basis **list, pb_error *error)
{
    for (size_t i = 0; i < o->count; i++) {
        bases[i] = PB_BASIS_EMPTY;
        list[i] = &bases[i];
    }
    for (size_t i = 0; o->out && i < o->count; i++)
        PB_TRY(pb_check_utf8(o->files[i], error));
    for (size_t i = 0; i < o->count; i++)
        PB_TRY(pb_basis_read(&bases[i], o->files[i], error));
    return PB_OK;
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

static pb_status run(const options *o, pb_error *error)
{
    pb_comparison found = PB_COMPARISON_EMPTY;
    pb_basis *bases = pb_calloc(o->count, sizeof *bases);
    const pb_basis **list = pb_calloc(o->count, sizeof *list);
    pb_status status = o->out ? pb_check_output(&o->cli, o->out, error) : PB_OK;

    if (!bases || !list)
        status = pb_fail_memory(error, o->count * sizeof *bases, "bases");
    if (status == PB_OK)
        status = read_all(o, bases, list, error);
    if (status == PB_OK)
        status = compare(o, list, &found, error);
    if (status == PB_OK)
        status = tell(o, &found, error);
    for (size_t i = 0; bases && i < o->count; i++)
        pb_basis_clear(&bases[i]);
    pb_comparison_clear(&found);
    pb_free(bases);
    pb_free(list);
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
    pb_error error;

    if (pb_cli_parse(&o.cli, &help, entries, NULL, &argc, &argv, &error) != PB_OK ||
        check(&o, argc, argv, &error) != PB_OK)
        return pb_cli_usage(&o.cli, &error);
    return pb_cli_end(&o.cli, run(&o, &error), &error);
}
