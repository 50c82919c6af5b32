/* How a photo gets in, and what of it the model sees. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "browser.h"
#include "test_browser.h"

static void test_example_is_there(void **state)
{
    (void)state;
    assert_true(browser_true("$('.frame').clientWidth > 20"));
    assert_true(browser_true("/portrait/.test($('#photo-hint').textContent)"));
    browser_wait("$$('#stage img').some((i) => i.naturalWidth)");
}

static void test_chosen(void **state)
{
    (void)state;
    browser_upload("#file", DESK("samples.png"));
    browser_wait(
        TAB ".then((t) => t.photo && t.photo.name === 'samples.png' && t.photo.width === 568)");
    browser_wait("/samples/.test($('#photo-hint').textContent) && $('.frame').clientWidth > 20");
}

int browser_photo(void)
{
    const struct CMUnitTest tests[] = {
        BROWSER_TEST(test_example_is_there),
        BROWSER_TEST(test_chosen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
