/* The plan of a study: a list of items, each with its key. It computes nothing and keeps nothing;
 * stores keep items, executors make them. */
#ifndef PB_STUDY_PLAN_PLAN_H
#define PB_STUDY_PLAN_PLAN_H

#include "study/plan/key.h"
#include "study/plan/models.h"
#include "study/plan/prompts.h"
#include "study/settings/settings.h"

typedef enum pb_item_kind {
    PB_ITEM_TRAJECTORY, /* of a sample: its x_t at all timesteps and, last, x_T */
    PB_ITEM_PICTURE,    /* of a drawn sample */
    PB_ITEM_BASIS
} pb_item_kind;

typedef struct pb_item {
    pb_item_kind kind;
    size_t model, sample;
    size_t condition, timestep; /* of a basis */
    pb_key key;
    int repeated; /* an earlier one has the same key (equal prompts, one image twice) */
} pb_item;

typedef struct pb_study_plan {
    const pb_study_options *options;
    const pb_study_model *models;
    char (*images)[65]; /* SHA-256 of the images */
    char costs[65];     /* and of the table of costs; "" without one */
    size_t samples, timesteps;
    size_t conditions; /* for each sample */
    /* What the study is of, and what counts as done, in the order in which it is best made: of each
     * sample its picture, where it is drawn, and its bases. */
    pb_item *items;
    size_t count;
    size_t distinct;       /* of them */
    pb_item *trajectories; /* [model][sample]: what items are made of */
} pb_study_plan;

/* Finds all items; the hashes of the models must be there. *plan must be zero-filled;
 * pb_plan_clear frees it, also on failure. Errors: PB_IO (an image), PB_MEMORY. */
pb_status pb_plan_make(pb_study_plan *plan, const pb_study_options *options,
                       const pb_study_model *models, pb_error *error);
void pb_plan_clear(pb_study_plan *plan);

/* All that determines an item, whose hash is its key. The caller's; NULL: no memory. */
json_t *pb_item_spec(const pb_study_plan *plan, const pb_item *item);

/* What the names of files of an item's kind end in: ".safetensors". */
const char *pb_item_ending(const pb_item *item);

const pb_item *pb_plan_trajectory(const pb_study_plan *plan, size_t model, size_t sample);
const pb_item *pb_plan_picture(const pb_study_plan *plan, size_t model, size_t sample);
const pb_item *pb_plan_basis(const pb_study_plan *plan, size_t model, size_t sample,
                             size_t condition, size_t timestep);

/* t of a timestep's number: (i + 1)/P. */
static inline double pb_plan_t(const pb_study_plan *p, size_t timestep)
{
    return pb_study_t(p->options, timestep);
}

/* Where the basis of a timestep is taken: grid points of x and of the network's time. */
typedef struct pb_study_point {
    size_t x, time;
} pb_study_point;
pb_study_point pb_plan_point(const pb_study_plan *plan, size_t model, size_t timestep);

/* The grid point from which on the steps of a picture are stochastic; SIZE_MAX: none is. */
size_t pb_plan_boost(const pb_study_plan *plan, size_t model);

#endif
