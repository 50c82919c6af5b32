#include "studio/comparison.h"

#include <stdio.h>

#include "base/memory.h"
#include "io/csv.h"
#include "io/file.h"
#include "io/json.h"

pb_status pb_bases_read(pb_bases *b, size_t count, const char *const *paths, pb_error *error)
{
    *b = (pb_bases){.all = pb_calloc(count, sizeof *b->all),
                    .list = pb_calloc(count, sizeof *b->list)};
    if (!b->all || !b->list)
        return pb_fail_memory(error, count * sizeof *b->all, "bases");
    b->count = count;
    for (size_t i = 0; i < count; i++) {
        b->all[i] = PB_BASIS_EMPTY;
        b->list[i] = &b->all[i];
    }
    for (size_t i = 0; i < count; i++)
        PB_TRY(pb_basis_read(&b->all[i], paths[i], error));
    return PB_OK;
}

void pb_bases_clear(pb_bases *b)
{
    for (size_t i = 0; i < b->count; i++)
        pb_basis_clear(&b->all[i]);
    pb_free(b->all);
    pb_free(b->list);
    *b = PB_BASES_EMPTY;
}

/* -- as an object --------------------------------------------------------------------------------
 */

static json_t *distances_json(pb_distances d)
{
    return json_pack("{s:f, s:f, s:f, s:f}", "geodesic", d.geodesic, "chordal", d.chordal,
                     "procrustes", d.procrustes, "projection", d.projection);
}

static json_t *pair_json(const pb_compared *c, size_t count, const char *const *names, size_t a,
                         size_t b)
{
    size_t pair = a * count + b;
    json_t *angles = pb_json_reals(c->k, c->angles + pair * c->k);

    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "a", names[a], "b", names[b], "angles", angles,
                     "distance", distances_json(c->distances[pair]), "normalised",
                     distances_json(pb_distances_ratio(c->distances[pair], c->largest)));
}

static json_t *side_json(const pb_compared *c, size_t count, const char *const *names)
{
    json_t *pairs = json_array();

    for (size_t a = 0; a < count; a++)
        for (size_t b = a + 1; b < count; b++)
            json_array_append_new(pairs, pair_json(c, count, names, a, b));
    return json_pack("{s:I, s:I, s:o, s:o, s:o}", "rank", (json_int_t)c->k, "dimension",
                     (json_int_t)c->n, "pairs", pairs, "random", distances_json(c->random),
                     "largest", distances_json(c->largest));
}

json_t *pb_comparison_json(const pb_comparison *found, const char *const *names)
{
    json_t *object = json_object();

    if (found->h.why == PB_COMPARED)
        json_object_set_new(object, "H", side_json(&found->h, found->count, names));
    if (found->x.why == PB_COMPARED)
        json_object_set_new(object, "X", side_json(&found->x, found->count, names));
    return object;
}

json_t *pb_mean_json(const pb_basis *mean, const pb_mean_report *report, const char *path)
{
    size_t k = mean->s.shape[0];
    json_t *agreement = json_array(), *object;

    for (size_t i = 0; i < k; i++)
        json_array_append_new(agreement, json_real((double)mean->agreement.data[i]));
    object = json_pack("{s:s, s:s, s:s, s:I, s:I, s:o}", "out", path, "kind", mean->method, "space",
                       mean->space, "samples", (json_int_t)mean->samples, "rank", (json_int_t)k,
                       "agreement", agreement);
    if (report) {
        json_object_set_new(object, "spread", json_real(report->spread));
        json_object_set_new(object, "angle_largest", json_real(report->angle_largest));
        json_object_set_new(object, "chordal", json_boolean(report->chordal));
    }
    return object;
}

/* -- as a table ----------------------------------------------------------------------------------
 */

static void write_pairs(const pb_compared *c, const char *space, size_t count,
                        const char *const *names, FILE *table)
{
    for (size_t a = 0; a < count; a++)
        for (size_t b = a + 1; b < count; b++) {
            pb_distances d = c->distances[a * count + b];
            pb_distances part = pb_distances_ratio(d, c->largest);
            fprintf(table, "%s,%zu,%zu,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g", space, a, b,
                    d.geodesic, d.chordal, d.procrustes, d.projection, part.geodesic, part.chordal,
                    part.procrustes, part.projection);
            putc(',', table);
            pb_csv_quote(table, names[a]);
            putc(',', table);
            pb_csv_quote(table, names[b]);
            putc('\n', table);
        }
}

pb_status pb_comparison_write(const pb_comparison *found, const char *const *names,
                              const char *path, pb_error *error)
{
    pb_output table = PB_OUTPUT_EMPTY;

    PB_TRY(pb_output_open(&table, path, error));
    fprintf(table.stream, "space,a,b,geodesic,chordal,procrustes,projection,geodesic_normalised,"
                          "chordal_normalised,procrustes_normalised,projection_normalised,file_a,"
                          "file_b\n");
    if (found->h.why == PB_COMPARED)
        write_pairs(&found->h, "H", found->count, names, table.stream);
    if (found->x.why == PB_COMPARED)
        write_pairs(&found->x, "X", found->count, names, table.stream);
    return pb_output_commit(&table, error);
}
