/* The models that there are, and what becomes of opening each. */
#ifndef PB_STUDIO_INVENTORY_H
#define PB_STUDIO_INVENTORY_H

#include <jansson.h>
#include <stdbool.h>

#include <pullback/model.h>

#include "base/error.h"

typedef struct pb_holding {
    const char *name; /* the caller's */
    char *path;       /* its folder; of a repository in the Hugging Face cache that; or NULL */
    bool cached;      /* it is of that cache */
    size_t bytes;     /* of its files on the disk, all snapshots of a repository together */
    pb_model *model;  /* NULL: it cannot be read */
    pb_error why;     /* for this reason */
} pb_holding;

/* Looks at the model of a name. To be closed in any case. Errors: PB_MEMORY. */
pb_status pb_holding_open(pb_holding *holding, const char *name, pb_error *error);
void pb_holding_close(pb_holding *holding);

json_t *pb_holding_json(const pb_holding *holding);

#endif
