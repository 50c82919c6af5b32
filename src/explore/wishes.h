/* What a tab's page asks for: its settings, checked, as an object of JSON. docs/explorer.md lists
 * them. */
#ifndef PB_EXPLORE_WISHES_H
#define PB_EXPLORE_WISHES_H

#include <jansson.h>

#include "picture/photo.h"

/* The settings of a new tab. */
json_t *pb_wishes_new(const char *model);

/* Takes over what a change says, all of it or nothing. *same: what was found stays true (names of
 * directions alone changed). Errors: PB_INVALID (a setting that there is not, of another kind or
 * out of its range). */
pb_status pb_wishes_change(json_t *wishes, const json_t *change, int *same, pb_error *error);

/* Its parts. A text that is not given is NULL, a number NaN. */
const char *pb_wish_text(const json_t *wishes, const char *name);
double pb_wish_number(const json_t *wishes, const char *name);

/* The part of a photo that is asked for. */
pb_crop pb_wish_crop(const json_t *wishes);

/* Weights of directions, {"0": 0.5, "3": -0.25}: numbers below `directions`, at most `most` of
 * them, -1 to 1, zeros left out; in order. *strength: the root of the sum of their squares, at
 * most 1. Errors: PB_INVALID. */
pb_status pb_wish_weights(const json_t *weights, size_t directions, size_t most, size_t *number,
                          double *weight, size_t *count, double *strength, pb_error *error);

#endif
