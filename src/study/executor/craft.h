/* How items of each kind are made, and read. */
#ifndef PB_STUDY_EXECUTOR_CRAFT_H
#define PB_STUDY_EXECUTOR_CRAFT_H

#include "study/executor/workshop.h"

typedef struct pb_craft {
    /* Makes the file of an item, whole or not at all. Errors: those of the work. */
    pb_status (*make)(pb_workshop *workshop, const pb_item *item, const char *path,
                      pb_error *error);

    /* Reads it into an empty *out, and checks that it is the plan's. Errors: PB_FORMAT, PB_INVALID,
     * PB_IO, PB_UNSUPPORTED: it is not; others. */
    pb_status (*read)(const pb_study_plan *plan, const pb_item *item, const char *path, void *out,
                      pb_error *error);

    void (*clear)(void *out);
} pb_craft;

extern const pb_craft pb_craft_trajectory; /* into a pb_tensor */
extern const pb_craft pb_craft_picture;    /* into a pb_photo */
extern const pb_craft pb_craft_basis;      /* into a pb_basis */

#endif
