/* The explorer as somebody uses it: by clicks, drags and keys in a real browser. Where there is
 * none, nothing is tested. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "browser.h"
#include "test_browser.h"

static void test_begin(void **state)
{
    (void)state;
    explorer_begin("faces32");
}

static void test_end(void **state)
{
    (void)state;
    explorer_end();
}

/* An argument: only tests whose names fit that pattern. */
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
    failed = cmocka_run_group_tests(first, NULL, NULL);
    if (!failed) {
        cmocka_set_test_filter(argc > 1 ? argv[1] : "*");
        failed += browser_photo() + browser_find() + browser_edit();
        failed += browser_mask() + browser_export() + browser_access();
        cmocka_set_test_filter("*");
    }
    return failed + cmocka_run_group_tests(last, NULL, NULL);
}
