/* The tabs of an explorer: each with its settings, what was given, what came of it, and jobs. */
#ifndef PB_EXPLORE_TABS_H
#define PB_EXPLORE_TABS_H

#include "explore/bench.h"
#include "explore/line.h"

typedef struct pb_tabs pb_tabs;
typedef struct pb_tab pb_tab;

/* What they may take up; who was asked for least lately makes room. */
typedef struct pb_tab_limits {
    size_t tabs;   /* how many */
    size_t given;  /* bytes of files that were given, of all tabs */
    size_t work;   /* bytes of what is kept of their work: it is made anew where it is missing */
    size_t models; /* that are open */
} pb_tab_limits;

/* What somebody wants done. */
typedef struct pb_request {
    const char *kind;          /* "look", "mask", "find", "edit", "export" */
    json_t *weights;           /* of an edit and an export; NULL: {} */
    json_t *history;           /* of a project; NULL: [] */
    const char *what, *format; /* of an export */
} pb_request;

/* line, shelf, taster (of pb_have_tasted, or NULL): the caller's, and outlive the tabs. */
pb_tabs *pb_tabs_new(pb_line *line, pb_shelf *shelf, const char *const *taster,
                     const pb_tab_limits *limits);
void pb_tabs_free(pb_tabs *tabs);

/* A new tab with its settings, a reference of the caller's; or that of a number, or NULL. Given
 * back with pb_tab_unref. */
pb_tab *pb_tab_new(pb_tabs *tabs, const char *model);
pb_tab *pb_tab_of(pb_tabs *tabs, unsigned long id);
void pb_tab_unref(pb_tab *tab);

/* A new tab with what a project holds, and a job that looks at it; of another photo, to which the
 * directions of a tab are carried, and a job that does it. */
pb_tab *pb_tab_of_project(pb_tabs *tabs, const pb_order *project);
pb_tab *pb_tab_carry(pb_tab *from, GBytes *photo, const char *name);

/* Closes it: its jobs are cancelled, its files thrown away. */
void pb_tab_close(pb_tab *tab);

/* As docs/explorer.md has it; a new reference. */
json_t *pb_tab_json(pb_tab *tab);

/* Changes settings: pb_wishes_change. What is no longer true is forgotten, and jobs for it
 * cancelled; one that looks at it is added. */
pb_status pb_tab_change(pb_tab *tab, const json_t *change, pb_error *error);

/* Another photo, or mask, a file's bytes, and a job that looks at it: its number, 0: too many
 * wait. */
unsigned long pb_tab_photo(pb_tab *tab, GBytes *bytes, const char *name);
unsigned long pb_tab_mask(pb_tab *tab, GBytes *bytes);

/* No mask any longer; directions of its own, not those that were carried to it. */
void pb_tab_unmask(pb_tab *tab);
void pb_tab_uncarry(pb_tab *tab);

/* Adds a job: its number, 0: too many wait. */
unsigned long pb_tab_do(pb_tab *tab, const pb_request *request);

#endif
