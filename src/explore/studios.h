/* The models that are open: a few, for all tabs. */
#ifndef PB_EXPLORE_STUDIOS_H
#define PB_EXPLORE_STUDIOS_H

#include "studio/studio.h"

typedef struct pb_studios pb_studios;

/* most: how many stay open; the one that was asked for least lately is closed for another. */
pb_studios *pb_studios_new(size_t most);
void pb_studios_free(pb_studios *studios);

/* A model's studio, which is opened where it is not; the studios', until another is asked for.
 * Errors: those of opening the model. */
pb_status pb_studios_open(pb_studios *studios, const char *model, const pb_studio **studio,
                          pb_error *error);

#endif
