/* Bases of several files, how far they are apart, and their mean: as objects, and as a table. */
#ifndef PB_STUDIO_COMPARISON_H
#define PB_STUDIO_COMPARISON_H

#include <jansson.h>

#include <pullback/compare.h>

#include "base/error.h"

typedef struct pb_bases {
    size_t count;
    pb_basis *all;
    const pb_basis **list; /* of all, as what compares and averages takes them */
} pb_bases;

#define PB_BASES_EMPTY ((pb_bases){.count = 0})

/* Reads the files; pb_bases_clear frees them, also on failure. Errors: those of pb_basis_read. */
pb_status pb_bases_read(pb_bases *bases, size_t count, const char *const *paths, pb_error *error);
void pb_bases_clear(pb_bases *bases);

/* What was compared: {"H": {"pairs": [{"a": …, "b": …, "angles": …, "distance": …}], …}, "X": …}.
 * names: of the bases, as many as there are, in UTF-8. */
json_t *pb_comparison_json(const pb_comparison *comparison, const char *const *names);

/* Writes all pairs as a table of comma-separated values. Errors: those of writing. */
pb_status pb_comparison_write(const pb_comparison *comparison, const char *const *names,
                              const char *path, pb_error *error);

/* A mean of bases that was written to `path`; report: of a Karcher mean, else NULL. */
json_t *pb_mean_json(const pb_basis *mean, const pb_mean_report *report, const char *path);

#endif
