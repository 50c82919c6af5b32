/* The explorer as somebody uses it: by clicks, drags and keys in a real browser. Where there is
 * none, nothing is tested. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "browser.h"
#include "test_browser.h"

static const char *model = "faces32"; /* the fastest */

static void test_begin(void **state)
{
    (void)state;
    explorer_begin(model);
}

static void test_end(void **state)
{
    (void)state;
    explorer_end();
}

static const struct {
    const char *name;
    int (*run)(void);
} groups[] = {
    {"photo", browser_photo}, {"find", browser_find},     {"edit", browser_edit},
    {"mask", browser_mask},   {"export", browser_export}, {"access", browser_access},
};

/* All groups, the one of a name, or the tests whose names fit a pattern. */
static int run_groups(const char *which)
{
    int failed = 0;
    bool one = false;

    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        one = one || (which && !strcmp(which, groups[i].name));
    cmocka_set_test_filter(which && !one ? which : "*");
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (!one || !strcmp(which, groups[i].name))
            failed += groups[i].run();
    cmocka_set_test_filter("*");
    return failed;
}

/* An argument: which of them; or `times`, which are measured and printed. */
int main(int argc, char **argv)
{
    const struct CMUnitTest first[] = {cmocka_unit_test(test_begin)};
    const struct CMUnitTest last[] = {cmocka_unit_test(test_end)};
    const char *missing = browser_missing();
    int failed;

    if (missing) {
        printf("skipped: there is no %s (tools/setup browser installs it)\n", missing);
        return 77;
    }
    if (argc > 1 && !strcmp(argv[1], "times"))
        model = "faces64-text";
    failed = cmocka_run_group_tests_name("begin", first, NULL, NULL);
    if (!failed)
        failed = strcmp(model, "faces32") ? browser_times() : run_groups(argc > 1 ? argv[1] : NULL);
    return failed + cmocka_run_group_tests_name("end", last, NULL, NULL);
}
