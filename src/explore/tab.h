/* The inside of a tab. */
#ifndef PB_EXPLORE_TAB_H
#define PB_EXPLORE_TAB_H

#include "explore/tabs.h"

/* What a page is shown of it: objects of docs/explorer.md, or NULL. */
typedef struct pb_shown {
    json_t *photo, *grid, *noisy, *mask, *found, *edit, *restored;
} pb_shown;

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

/* Adds a job whose directions are to be carried from another tab (NULL: none is). */
unsigned long pb_tab_add(pb_tab *tab, const pb_request *request, pb_tab *from);

/* Forgets the work of tabs but this until what is kept is within the limit. The line's thread's. */
void pb_tabs_make_room(pb_tabs *tabs, const pb_tab *but);

#endif
