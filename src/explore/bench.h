/* A tab's work, which the line's thread alone does: from the settings and the photo to the noisy
 * image, its directions, and edits. What was made before and is still true is used again. */
#ifndef PB_EXPLORE_BENCH_H
#define PB_EXPLORE_BENCH_H

#include <glib.h>
#include <jansson.h>

#include "explore/shelf.h"
#include "studio/studio.h"

typedef struct pb_bench pb_bench;

/* What is to be done, as it was when it was asked for. */
typedef struct pb_order {
    unsigned long tab;
    json_t *wishes;       /* explore/wishes.h */
    GBytes *photo;        /* a picture's file, or NULL */
    char *name;           /* of the photo: "holiday.jpg" */
    unsigned long number; /* of the photo: another one has another */
    json_t *weights;      /* of an edit */
    char *what, *format;  /* of an export */
    pb_shelf *shelf;      /* where pictures are put */
} pb_order;

pb_bench *pb_bench_new(void);
void pb_bench_free(pb_bench *bench);

/* Reads the photo: {"name", "width", "height", "area", "faces", "seen"}. Errors: those of
 * pb_photo_take and of opening the model. */
pb_status pb_bench_look(pb_bench *bench, const pb_order *order, json_t **photo, const pb_run *run,
                        pb_error *error);

/* Finds the noisy image, its basis, and for each direction a picture to both sides:
 * docs/explorer.md, "found". */
pb_status pb_bench_find(pb_bench *bench, const pb_order *order, json_t **found, const pb_run *run,
                        pb_error *error);

/* The picture along the weighted sum of directions: "edit". What has not been found is found. */
pb_status pb_bench_edit(pb_bench *bench, const pb_order *order, json_t **edit, const pb_run *run,
                        pb_error *error);

/* A file: {"file": its URL}. what: "photo", "strip", "basis". */
pb_status pb_bench_export(pb_bench *bench, const pb_order *order, json_t **result,
                          const pb_run *run, pb_error *error);

#endif
