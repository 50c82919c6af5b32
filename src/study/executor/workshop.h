/* Where the items of a plan are made: by the sessions of its models, into a store. What is there is
 * taken from it; what was damaged is made again. */
#ifndef PB_STUDY_EXECUTOR_WORKSHOP_H
#define PB_STUDY_EXECUTOR_WORKSHOP_H

#include "picture/photo.h"
#include "study/plan/plan.h"
#include "study/store/store.h"

/* How far a study is. */
typedef struct pb_study_progress {
    size_t done, total; /* items: bases, and pictures of drawn samples */
    size_t computed;    /* in this run: those of them, and what was made again */
    double seconds;     /* since the run began */
    /* Of a model's scheduler, what trajectories leave out (pb_model_info.ignored); or NULL. */
    const char *ignored;
} pb_study_progress;

typedef struct pb_workshop {
    const pb_study_plan *plan;
    pb_store *store;
    const pb_run *run;           /* who watches: the study's */
    pb_study_progress *progress; /* as it is told to them */
    double start;
    pb_run inner;     /* for what is computed here */
    pb_tensor points; /* of the trajectory at hand */
    const pb_item *at;
    char *warned; /* what was said last: it is not said twice on end */
} pb_workshop;

/* Opens a workshop, which stays where it is; run and progress outlive it. */
void pb_workshop_open(pb_workshop *workshop, const pb_study_plan *plan, pb_store *store,
                      const pb_run *run, pb_study_progress *progress);
void pb_workshop_close(pb_workshop *workshop);

/* Is the item there? If not, claims and makes it; *busy: unless somebody else does. Errors:
 * PB_CANCELLED, the store's, those of making it. */
pb_status pb_workshop_make(pb_workshop *workshop, const pb_item *item, int *busy, pb_error *error);

/* Reads an item, and makes it where it is not there; waits where somebody else does. One that is
 * damaged (not what was written; of another shape or kind than the plan says) is made again, with a
 * warning, and by one process, while the others wait. What is read must be empty. Errors: likewise.
 */
pb_status pb_workshop_basis(pb_workshop *workshop, const pb_item *item, pb_basis *basis,
                            pb_error *error);
pb_status pb_workshop_picture(pb_workshop *workshop, const pb_item *item, pb_photo *photo,
                              pb_error *error);

/* The points (P + 1,c,h,w) of an item's sample; the workshop's, until it is asked for others. */
pb_status pb_workshop_points(pb_workshop *workshop, const pb_item *item, const pb_tensor **points,
                             pb_error *error);

/* Lets some time go by, in which somebody else may get on; asks the monitor. Errors: PB_CANCELLED.
 */
pb_status pb_workshop_wait(pb_workshop *workshop, pb_error *error);

/* Tells the monitor how far the study is. Errors: PB_CANCELLED. */
pb_status pb_workshop_tell(pb_workshop *workshop, pb_error *error);

#endif
