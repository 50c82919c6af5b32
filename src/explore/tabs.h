/* The tabs of an explorer, and their jobs. */
#ifndef PB_EXPLORE_TABS_H
#define PB_EXPLORE_TABS_H

#include "explore/bench.h"
#include "explore/line.h"

typedef struct pb_tabs pb_tabs;
typedef struct pb_tab pb_tab;

/* line, shelf: the caller's, and outlive the tabs. most: of tabs; the one that was asked for least
 * lately makes room. */
pb_tabs *pb_tabs_new(pb_line *line, pb_shelf *shelf, size_t most);
void pb_tabs_free(pb_tabs *tabs);

/* A new tab with its settings, a reference of the caller's; or that of a number, or NULL. Given
 * back with pb_tab_unref. */
pb_tab *pb_tab_new(pb_tabs *tabs, const char *model);
pb_tab *pb_tab_of(pb_tabs *tabs, unsigned long id);
void pb_tab_unref(pb_tab *tab);

/* Closes it: its jobs are cancelled, its files thrown away. */
void pb_tab_close(pb_tab *tab);

/* As docs/explorer.md has it; a new reference. */
json_t *pb_tab_json(pb_tab *tab);

/* Changes settings: pb_wishes_change. What is no longer true is forgotten, and jobs for it
 * cancelled; where another part of the photo is seen a job looks at it. */
pb_status pb_tab_change(pb_tab *tab, const json_t *change, pb_error *error);

/* Another photo, a file's bytes, and a job that looks at it: its number, 0: too many wait. */
unsigned long pb_tab_photo(pb_tab *tab, GBytes *bytes, const char *name);

/* Adds a job: "find", "edit" (weights) or "export" (weights, what, format). */
unsigned long pb_tab_do(pb_tab *tab, const char *kind, json_t *weights, const char *what,
                        const char *format);

#endif
