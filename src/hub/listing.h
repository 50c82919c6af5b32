/* What a repository has at a revision. */
#ifndef PB_HUB_LISTING_H
#define PB_HUB_LISTING_H

#include "hub/http.h"
#include "hub/hub.h"

typedef struct pb_hub_listing {
    char commit[41];
    size_t count, room;
    pb_hub_file *files;
} pb_hub_listing;

/* Asks the hub. Begin with zeros; to be cleared in any case. Errors: PB_FORMAT (what no list of a
 * hub is: names that lead elsewhere, say), those of pb_http_get. */
pb_status pb_hub_list(pb_hub_listing *listing, pb_http *http, pb_error *error);
void pb_hub_listing_clear(pb_hub_listing *listing);

/* The file of that name, or NULL. */
const pb_hub_file *pb_hub_listed(const pb_hub_listing *listing, const char *name);

/* Adds a copy of a file, unless one of that name is there. Errors: PB_MEMORY. */
pb_status pb_hub_listing_add(pb_hub_listing *listing, const pb_hub_file *file, pb_error *error);

#endif
