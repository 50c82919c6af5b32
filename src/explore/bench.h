/* A tab's work, which the line's thread alone does, and what a page is shown of it. */
#ifndef PB_EXPLORE_BENCH_H
#define PB_EXPLORE_BENCH_H

#include "explore/stages.h"

typedef struct pb_bench pb_bench;

/* As pb_stages_init. */
pb_bench *pb_bench_new(pb_studios *studios, const char *const *taster);
void pb_bench_free(pb_bench *bench);

/* Bytes that it holds; forgets all of it: what is asked for next is made anew. */
size_t pb_bench_bytes(const pb_bench *bench);
void pb_bench_forget(pb_bench *bench);

pb_stages *pb_bench_stages(pb_bench *bench);

/* Each: an object of docs/explorer.md's TAB, a new reference. */

/* Reads the photo: "photo", or NULL where it is not of one. Errors: those of pb_photo_take and of
 * opening the model. */
pb_status pb_bench_photo(pb_bench *bench, const pb_order *order, json_t **photo, const pb_run *run,
                         pb_error *error);

/* The values that t can take: "grid". */
pb_status pb_bench_grid(pb_bench *bench, const pb_order *order, json_t **grid, const pb_run *run,
                        pb_error *error);

/* Finds the noisy image: "noisy". */
pb_status pb_bench_noisy(pb_bench *bench, const pb_order *order, json_t **noisy, const pb_run *run,
                         pb_error *error);

/* Is it worth to look at the noisy image before anybody asks for directions? Of a model that is
 * open. */
int pb_bench_is_quick(const pb_bench *bench);

/* Reads the mask: "mask". */
pb_status pb_bench_mask(pb_bench *bench, const pb_order *order, json_t **mask, const pb_run *run,
                        pb_error *error);

/* Finds directions, and for each a picture to both sides: "found". */
pb_status pb_bench_find(pb_bench *bench, const pb_order *order, json_t **found, const pb_run *run,
                        pb_error *error);

/* The picture along the weighted sum of directions: "edit". */
pb_status pb_bench_edit(pb_bench *bench, const pb_order *order, json_t **edit, const pb_run *run,
                        pb_error *error);

#endif
