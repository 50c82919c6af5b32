/* The inside of a tab. */
#ifndef PB_EXPLORE_TAB_H
#define PB_EXPLORE_TAB_H

#include "explore/tabs.h"

/* What a page is shown of it: objects of docs/explorer.md, or NULL. */
typedef struct pb_shown {
    json_t *photo, *grid, *noisy, *mask, *found, *edit, *restored;
} pb_shown;

/* Where the directions are, and what they are of, that a tab is to be given: of g_atomic_rc_box. */
typedef struct pb_origin {
    pb_tab *tab;
    pb_order order;
} pb_origin;

struct pb_tab {
    pb_tabs *tabs;
    gint references;
    unsigned long id;
    gint64 asked; /* when it was asked for last */

    /* With the lock of the tabs: */
    unsigned long version; /* grows with each change */
    unsigned long stamp;   /* grows where jobs that were begun are no longer wanted */
    json_t *wishes;
    pb_given photo, mask, carried, basis;
    pb_origin *origin; /* of what is to be carried, until it is there; or NULL */
    pb_shown shown;

    pb_bench *bench; /* the line's thread's */
};

struct pb_tabs {
    GMutex lock;
    GPtrArray *all;
    pb_line *line;
    pb_shelf *shelf;
    const char *const *taster;
    pb_tab_limits limits;
    pb_studios *studios; /* the line's thread's */
};

pb_tab *pb_tab_ref(pb_tab *tab);

/* An order of what is there now. With the lock. */
pb_order pb_tab_order(const pb_tab *tab, const pb_request *request);

/* NULL is nothing. */
void pb_origin_release(pb_origin *origin);

/* Forgets the work of tabs but this until what is kept is within the limit. The line's thread's. */
void pb_tabs_make_room(pb_tabs *tabs, const pb_tab *but);

#endif
