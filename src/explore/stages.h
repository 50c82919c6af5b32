/* From a tab's settings to its edit, in stages: the photo or seed, its noise, the noisy image x_t,
 * directions, the edit. What was made before and is still true is used again. One thread's. */
#ifndef PB_EXPLORE_STAGES_H
#define PB_EXPLORE_STAGES_H

#include "explore/order.h"
#include "explore/studios.h"
#include "studio/source.h"
#include "studio/strip.h"

#define PB_WEIGHTS_MOST 64

/* The weights of an order, as an edit's options take them. */
typedef struct pb_choice {
    size_t number[PB_WEIGHTS_MOST], count;
    double weight[PB_WEIGHTS_MOST], strength;
} pb_choice;

/* Each with what it was made of: where a key is another, the stage and those behind it are made
 * anew. */
typedef struct pb_stages {
    pb_studios *studios;
    const char *const *taster;
    unsigned long tasted_photo, tasted_mask; /* numbers of those that were tried */
    const pb_studio *studio;                 /* of the order at work */
    json_t *source_key, *noise_key, *point_key, *directions_key, *mask_key, *edit_key;
    pb_source source;
    pb_photo close; /* the photo made so small that its area can be shown; empty until it is asked
                       for */
    pb_point noise; /* the end of the inversion, or what a seed draws */
    pb_point point; /* x_t */
    pb_directions directions;
    unsigned long generation; /* grows with each change of the directions */
    pb_choice choice;
    pb_edit edit;
} pb_stages;

/* studios, taster (of pb_have_tasted; NULL: pictures are read at once): the caller's. */
void pb_stages_init(pb_stages *stages, pb_studios *studios, const char *const *taster);
void pb_stages_clear(pb_stages *stages);

/* Bytes of arrays and pixels that it holds. */
size_t pb_stages_bytes(const pb_stages *stages);

/* Each makes those before it. Errors: those of reading, inverting … */
pb_status pb_stages_source(pb_stages *stages, const pb_order *order, const pb_run *run,
                           pb_error *error);
pb_status pb_stages_mask(pb_stages *stages, const pb_order *order, const pb_run *run,
                         pb_error *error);
pb_status pb_stages_point(pb_stages *stages, const pb_order *order, const pb_run *run,
                          pb_error *error);
pb_status pb_stages_directions(pb_stages *stages, const pb_order *order, const pb_run *run,
                               pb_error *error);
pb_status pb_stages_edit(pb_stages *stages, const pb_order *order, const pb_run *run,
                         pb_error *error);

/* The photo made smaller, so that its area can be shown: the stages', as long as their photo. After
 * the source is there, which is one of a photo. Errors: PB_MEMORY. */
pb_status pb_stages_close(pb_stages *stages, const pb_photo **photo, pb_error *error);

/* The options of any edit of the order: its mode, and where it is shown. */
pb_edit_options pb_stages_options(const pb_stages *stages, const pb_order *order);

/* The options of an edit along the order's weights, which point into the stages; after the
 * directions are there. Errors: PB_INVALID (weights that cannot be), those of a mask. */
pb_status pb_stages_choose(pb_stages *stages, const pb_order *order, pb_edit_options *how,
                           pb_error *error);

/* Is the point of a photo? And is the mask there for directions? */
int pb_order_has_photo(const pb_order *order);
int pb_order_is_masked(const pb_order *order);

/* What an edit of the same directions depends on; a new reference. */
json_t *pb_order_edit_key(const pb_order *order);

/* The edited picture; of an edit of strength 0 the reconstruction. */
const float *pb_stages_picture(const pb_stages *stages);

/* An edit of these stages as it is drawn. */
pb_strip pb_stages_strip(const pb_stages *stages, const pb_edit *edit);

#endif
