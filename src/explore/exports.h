/* What is taken home from a tab: files on the shelf. */
#ifndef PB_EXPLORE_EXPORTS_H
#define PB_EXPLORE_EXPORTS_H

#include "explore/bench.h"

/* Is it one of those that there are? "photo", "strip", "animation", "basis", "direction", "mask",
 * "project". */
int pb_export_is_known(const char *what);

/* Makes the order's `what`: {"file": its URL, "name"}, a new reference. Errors: PB_INVALID (there
 * is no mask), those of what it takes. */
pb_status pb_export(pb_bench *bench, const pb_order *order, json_t **result, const pb_run *run,
                    pb_error *error);

/* The basis file of the tab: of directions that were carried, the one they come from
 * (pb_bytes_clear). */
pb_status pb_export_basis(pb_bench *bench, const pb_order *order, pb_bytes *bytes,
                          const pb_run *run, pb_error *error);

#endif
