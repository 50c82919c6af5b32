#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/legible.h"
#include "base/memory.h"
#include "base/shape.h"
#include "cli/commands.h"
#include "io/csv.h"
#include "io/file.h"
#include "terminal/cli.h"

#define DRAWS 100 /* pairs of random spaces */

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

/* The spaces of one side, H or X, of all files. */
typedef struct side {
    const char *name;
    size_t n, k;
    pb_space *spaces;
    pb_distances random, largest;
    double *angles; /* of the pair at hand */
    json_t *pairs;
} side;

static const pb_tensor *vectors_of(const pb_basis *b, int in_x)
{
    return in_x ? &b->v : &b->u;
}

/* Are all directions of this side at one tap? Else they have nothing to do with each other. */
static int one_tap(const options *o, const pb_basis *bases, int in_x)
{
    for (size_t i = 1; i < o->count; i++)
        if (strcmp(in_x ? bases[i].from : bases[i].to, in_x ? bases[0].from : bases[0].to))
            return 0;
    return 1;
}

static pb_status open_side(side *s, const options *o, const pb_basis *bases, int in_x,
                           pb_error *error)
{
    const pb_tensor *first = vectors_of(&bases[0], in_x);

    s->name = in_x ? "X" : "H";
    if (!one_tap(o, bases, in_x)) {
        pb_note(&o->cli, "the directions in %s are at different taps: not compared", s->name);
        return PB_OK;
    }
    s->k = o->rank ? (size_t)o->rank : first->shape[0];
    for (size_t i = 0; i < o->count; i++) {
        const pb_tensor *t = vectors_of(&bases[i], in_x);
        if (!t->data || !first->data)
            return PB_OK; /* a mean in the other space: nothing to compare here */
        if (memcmp(t->shape + 1, first->shape + 1, 3 * sizeof *t->shape))
            return pb_fail(error, PB_INVALID,
                           "%s: vectors of %zu x %zu x %zu in %s, those of %s have %zu x %zu x %zu",
                           o->files[i], t->shape[1], t->shape[2], t->shape[3], s->name, o->files[0],
                           first->shape[1], first->shape[2], first->shape[3]);
        if (o->rank == 0 && t->shape[0] < s->k)
            s->k = t->shape[0];
        if ((size_t)o->rank > t->shape[0])
            return pb_fail(error, PB_INVALID, "--rank %d: %s has %zu", o->rank, o->files[i],
                           t->shape[0]);
    }
    s->n = pb_item_size(first);
    s->spaces = pb_calloc(o->count, sizeof *s->spaces);
    s->angles = pb_calloc(s->k, sizeof *s->angles);
    if (!s->spaces || !s->angles)
        return pb_fail_memory(error, o->count * sizeof *s->spaces, "spaces");
    for (size_t i = 0; i < o->count; i++)
        PB_TRY(pb_space_new(&s->spaces[i], s->n, s->k, vectors_of(&bases[i], in_x)->data, error));
    s->largest = pb_distances_largest(s->k);
    s->pairs = json_array();
    return pb_distances_random(&s->random, s->n, s->k, DRAWS, 0, error);
}

static void close_side(side *s, size_t count)
{
    for (size_t i = 0; s->spaces && i < count; i++)
        pb_space_clear(&s->spaces[i]);
    pb_free(s->spaces);
    pb_free(s->angles);
    json_decref(s->pairs);
}

static json_t *distances_json(pb_distances d)
{
    return json_pack("{s:f, s:f, s:f, s:f}", "geodesic", d.geodesic, "chordal", d.chordal,
                     "procrustes", d.procrustes, "projection", d.projection);
}

static void say_pair(const options *o, const side *s, size_t a, size_t b, pb_distances d)
{
    pb_distances part = pb_distances_ratio(d, s->largest);

    pb_say(&o->cli, "%s and %s, in %s (%zu of %zu dimensions):", o->files[a], o->files[b], s->name,
           s->k, s->n);
    pb_say(&o->cli, "              distance   of the largest   random spaces");
    pb_say(&o->cli, "  geodesic    %8.4f   %14.4f   %13.4f", d.geodesic, part.geodesic,
           s->random.geodesic / s->largest.geodesic);
    pb_say(&o->cli, "  chordal     %8.4f   %14.4f   %13.4f", d.chordal, part.chordal,
           s->random.chordal / s->largest.chordal);
    pb_say(&o->cli, "  procrustes  %8.4f   %14.4f   %13.4f", d.procrustes, part.procrustes,
           s->random.procrustes / s->largest.procrustes);
    pb_say(&o->cli, "  projection  %8.4f   %14.4f   %13.4f", d.projection, part.projection,
           s->random.projection);
    pb_say(&o->cli, "  principal angles: %.4f, median %.4f, %.4f rad", s->angles[0],
           s->angles[s->k / 2], s->angles[s->k - 1]);
}

/* All pairs; with more than two files also the matrix of normalised geodesic distances. */
static pb_status compare_side(const options *o, side *s, pb_output *table, pb_error *error)
{
    double *matrix = pb_calloc(o->count * o->count, sizeof *matrix);

    if (!matrix)
        return pb_fail_memory(error, o->count * o->count * sizeof *matrix, "distances");
    for (size_t a = 0; a < o->count; a++)
        for (size_t b = a + 1; b < o->count; b++) {
            pb_status status = pb_space_angles(&s->spaces[a], &s->spaces[b], s->angles, error);
            if (status != PB_OK) {
                pb_free(matrix);
                return status;
            }
            pb_distances d = pb_distances_of(s->k, s->angles);
            pb_distances part = pb_distances_ratio(d, s->largest);
            json_t *angles = json_array();
            for (size_t i = 0; i < s->k; i++)
                json_array_append_new(angles, json_real(s->angles[i]));
            json_array_append_new(s->pairs,
                                  json_pack("{s:s, s:s, s:o, s:o, s:o}", "a", o->files[a], "b",
                                            o->files[b], "angles", angles, "distance",
                                            distances_json(d), "normalised", distances_json(part)));
            matrix[a * o->count + b] = matrix[b * o->count + a] = part.geodesic;
            if (o->count == 2)
                say_pair(o, s, a, b, d);
            if (table->stream) {
                fprintf(table->stream, "%s,%zu,%zu,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g",
                        s->name, a, b, d.geodesic, d.chordal, d.procrustes, d.projection,
                        part.geodesic, part.chordal, part.procrustes, part.projection);
                putc(',', table->stream);
                pb_csv_quote(table->stream, o->files[a]);
                putc(',', table->stream);
                pb_csv_quote(table->stream, o->files[b]);
                putc('\n', table->stream);
            }
        }
    for (size_t a = 0; o->count > 2 && a < o->count; a++) {
        GString *row = g_string_new("");
        if (a == 0)
            pb_say(&o->cli,
                   "geodesic distance in %s, of the largest (%zu dimensions; random spaces %.4f):",
                   s->name, s->k, s->random.geodesic / s->largest.geodesic);
        for (size_t b = 0; b < o->count; b++)
            g_string_append_printf(row, " %.4f", matrix[a * o->count + b]);
        pb_say(&o->cli, " %s  %s", row->str, o->files[a]);
        g_string_free(row, TRUE);
    }
    pb_free(matrix);
    return PB_OK;
}

static pb_status compare(const options *o, const pb_basis *bases, side sides[2], pb_error *error)
{
    pb_output table = PB_OUTPUT_EMPTY;
    json_t *object = json_object();
    pb_status status = PB_OK;

    if (o->out) {
        status = pb_output_open(&table, o->out, error);
        if (status == PB_OK)
            fprintf(table.stream,
                    "space,a,b,geodesic,chordal,procrustes,projection,geodesic_normalised,"
                    "chordal_normalised,procrustes_normalised,projection_normalised,file_a,"
                    "file_b\n");
    }
    for (int x = 0; status == PB_OK && x < 2; x++) {
        side *s = &sides[x];
        status = open_side(s, o, bases, x, error);
        if (status == PB_OK && s->spaces)
            status = compare_side(o, s, &table, error);
        if (status == PB_OK && s->spaces)
            json_object_set_new(object, s->name,
                                json_pack("{s:I, s:I, s:O, s:o, s:o}", "rank", (json_int_t)s->k,
                                          "dimension", (json_int_t)s->n, "pairs", s->pairs,
                                          "random", distances_json(s->random), "largest",
                                          distances_json(s->largest)));
    }
    if (status == PB_OK && !sides[0].spaces && !sides[1].spaces)
        status = pb_fail(error, PB_INVALID,
                         "nothing to compare: no space, H or X, in which all files have directions "
                         "at one tap");
    if (status == PB_OK && o->out)
        status = pb_output_commit(&table, error);
    pb_output_abandon(&table);
    if (status == PB_OK)
        pb_cli_print(&o->cli, object);
    else
        json_decref(object);
    return status;
}

/* The spaces of two models have nothing to do with each other, unless somebody wants to know. */
static pb_status check_models(const options *o, const pb_basis *bases, pb_error *error)
{
    for (size_t i = 1; !o->across && i < o->count; i++)
        if (strcmp(bases[i].model_hash, bases[0].model_hash))
            return pb_fail(
                error, PB_INVALID,
                "%s and %s are of different models, or of different files of one "
                "(weights, configs or noise schedule): --across-models compares them all "
                "the same",
                o->files[0], o->files[i]);
    return PB_OK;
}

static pb_status run(const options *o, pb_error *error)
{
    pb_basis *bases = pb_calloc(o->count, sizeof *bases);
    side sides[2] = {{0}, {0}};
    pb_status status = o->out ? pb_check_output(&o->cli, o->out, error) : PB_OK;

    if (!bases)
        return pb_fail_memory(error, o->count * sizeof *bases, "bases");
    for (size_t i = 0; i < o->count; i++) {
        bases[i] = PB_BASIS_EMPTY;
        if (status == PB_OK && o->out)
            status = pb_check_utf8(o->files[i], error);
    }
    for (size_t i = 0; status == PB_OK && i < o->count; i++)
        status = pb_basis_read(&bases[i], o->files[i], error);
    if (status == PB_OK)
        status = check_models(o, bases, error);
    if (status == PB_OK)
        status = compare(o, bases, sides, error);
    close_side(&sides[0], o->count);
    close_side(&sides[1], o->count);
    for (size_t i = 0; i < o->count; i++)
        pb_basis_clear(&bases[i]);
    pb_free(bases);
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
