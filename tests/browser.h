/* The explorer in a browser: one program and one browser for all tests, a tab of its own for each.
 */
#ifndef BROWSER_H
#define BROWSER_H

#include <stddef.h>

#include "scratch.h"
#include "webdriver.h"

/* Where the photos are that tests use, portrait.png (the one it begins with) and samples.png; where
 * downloads/ is. */
extern scratch desk;

/* Around all tests: the program on a bundled model, by its folder's name, and the browser. */
void explorer_begin(const char *model);
void explorer_end(void);

/* Around each test: the page with a new tab, its photo looked at; a window of 1400 by 900. The
 * state is a number of directions and of steps, or NULL: 3 and 10. */
int explorer_set_up(void **state);
int explorer_tear_down(void **state);

/* The same with these settings (JSON). */
void explorer_open(const char *settings);

#define BROWSER_TEST(f) cmocka_unit_test_setup_teardown(f, explorer_set_up, explorer_tear_down)

/* An expression: what the program says of the tab (TAB), once it is there. */
#define TAB "fetch('/api/tabs/' + sessionStorage.getItem('tab')).then((r) => r.json())"

/* Waits until the program has nothing to do for the tab. */
void explorer_rest(void);

/* Clicks on "find", and waits for the cards. */
void explorer_find(void);

/* Sets a slider by keys and waits for the final picture. */
void explorer_set(int direction, double value);

/* Opens what an element is folded away in. */
void explorer_unfold(const char *element);

/* Clicks on what makes a file, and waits for it: it is on the desk, and its name is the caller's,
 * by free. */
char *explorer_take(const char *element);

/* Runs the command line that the page shows, on the desk, as a shell reads it. */
void explorer_run_command(void);

/* Two files of the desk have the same bytes. */
void explorer_expect_same(const char *one, const char *other);

#define expect_near(found, expected, tolerance)                                                    \
    expect_near_at(__FILE__, __LINE__, found, expected, tolerance)
void expect_near_at(const char *file, int line, double found, double expected, double tolerance);

/* The path of a file of the desk, for the expression. */
#define DESK(name) scratch_path(&desk, name).text

#endif
