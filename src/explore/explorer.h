/* The explorer: a page on which a photo's directions are found, tried and taken home, and its API
 * (docs/explorer.md). Tabs, each with its settings and its work; one line of jobs for all. */
#ifndef PB_EXPLORE_EXPLORER_H
#define PB_EXPLORE_EXPLORER_H

#include <glib.h>
#include <jansson.h>

#include "web/web.h"

typedef struct pb_explorer pb_explorer;

#define PB_EXPLORER_PICTURE ((size_t)64 << 20) /* bytes of a file that is sent, at most */

typedef struct pb_explorer_options {
    pb_web_options web; /* address, port, certificate …; its handler is the explorer's */
    const char *model;  /* of a new tab */
    GPtrArray *models;  /* names of those that there are; others cannot be asked for */
    const char *photo;  /* the path of a photo for the first tab; NULL: the bundled portrait */
    const char *const *taster; /* the program that pictures are tried by (pb_have_tasted), which
                                  outlives the explorer; NULL: none */
    size_t memory;             /* bytes to work in; 0: 2 GiB */
    int threads;
} pb_explorer_options;

/* Starts it. *explorer is ended with pb_explorer_end. Errors: those of pb_web_start and of reading
 * the photo; PB_INVALID (the model cannot be read). */
pb_status pb_explorer_begin(pb_explorer **explorer, const pb_explorer_options *options,
                            pb_error *error);
void pb_explorer_end(pb_explorer *explorer);

/* Where the page is; the explorer's. */
const char *pb_explorer_url(const pb_explorer *explorer);

#endif
