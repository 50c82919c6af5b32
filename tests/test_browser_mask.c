/* A part of the picture: painted, used for the directions or for the result. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "browser.h"
#include "test_browser.h"

/* How bright the painted mask is at a place, 0 to 255. */
static double bright(double x, double y)
{
    return browser_number("(() => { const c = $('#mask-canvas'); return "
                          "c.getContext('2d').getImageData(%.3f * c.width, "
                          "%.3f * c.height, 1, 1).data[0]; })()",
                          x, y);
}

/* A stroke over the left half. */
static void paint(browser_pointer pointer)
{
    browser_click("#mask-title");
    browser_wait("$('#mask-canvas').checkVisibility() && box('#mask-canvas').width > 50");
    browser_press_at("#mask-size", "End");
    browser_press_at("#mask-feather", "Home");
    browser_drag("#mask-canvas", (browser_way){.pointer = pointer, .x = .25, .y = .3, .down = 60});
}

static void test_painted(void **state)
{
    (void)state;
    paint(BROWSER_MOUSE);
    expect_near(bright(.25, .4), 255, 1);
    expect_near(bright(.9, .4), 0, 1);
    browser_click("#mask-invert");
    expect_near(bright(.25, .4), 0, 1);
    expect_near(bright(.9, .4), 255, 1);
    browser_click("#mask-undo");
    expect_near(bright(.25, .4), 255, 1);
    browser_click("#mask-black");
    browser_drag("#mask-canvas", (browser_way){.x = .25, .y = .3, .down = 60});
    expect_near(bright(.25, .4), 0, 1);
    browser_click("#mask-undo");
    expect_near(bright(.25, .4), 255, 1);
    browser_click("#mask-undo");
    expect_near(bright(.25, .4), 0, 1);
    assert_true(browser_true("$('#mask-undo').disabled"));
}

static void test_by_finger(void **state)
{
    (void)state;
    paint(BROWSER_TOUCH);
    expect_near(bright(.25, .4), 255, 1);
}

static void test_by_keys(void **state)
{
    (void)state;
    browser_click("#mask-title");
    browser_press_at("#mask-canvas", "Space");
    assert_true(bright(.5, .5) > 100);
    expect_near(bright(.1, .1), 0, 1);
}

/* Only that part may change; then the result is only blended there. Both are what the command line
 * makes. */
static void test_used(void **state)
{
    char *mask, *photo;

    (void)state;
    paint(BROWSER_MOUSE);
    browser_click("#mask-use");
    browser_wait(TAB
                 ".then((t) => t.mask && t.job === null && t.settings.mask_use === 'directions')");
    browser_wait("$('#mask-use').disabled && !$('#mask-none').disabled");
    explorer_find();
    explorer_set(0, 0.75);
    assert_true(
        browser_true("/\\d+ %% of the change lies outside/.test($('#edit-note').textContent)"));
    mask = explorer_take("#save-mask");
    photo = explorer_take("#save-photo-png");
    assert_true(browser_true("/ --mask /.test($('#command').value)"));
    explorer_run_command();
    explorer_expect_same(photo, "edited.png");
    browser_click("#mask-blend");
    browser_wait(TAB ".then((t) => t.settings.mask_use === 'blend')");
    browser_wait("!$('.card')"); /* they were of that part */
    explorer_find();
    explorer_set(0, 0.75);
    assert_true(browser_true("/ --blend /.test($('#command').value)"));
    free(photo);
    photo = explorer_take("#save-photo-png");
    explorer_run_command();
    explorer_expect_same(photo, "edited.png");
    json_decref(browser_run("location.reload()")); /* it is still there */
    browser_wait(
        "document.readyState === 'complete' && $('#mask-none') && !$('#mask-none').disabled");
    expect_near(bright(.25, .4), 255, 1);
    assert_true(browser_true("$('#mask-blend').checked"));
    browser_click("#mask-title");
    browser_click("#mask-none");
    browser_wait(TAB ".then((t) => !t.mask)");
    browser_wait("$('#mask-none').disabled && $('#mask-row').hidden");
    free(mask);
    free(photo);
}

/* A mask from a file, as one was exported. */
static void test_from_file(void **state)
{
    char *mask;

    (void)state;
    paint(BROWSER_MOUSE);
    browser_click("#mask-use");
    browser_wait(TAB ".then((t) => t.mask && t.job === null)");
    explorer_find();
    mask = explorer_take("#save-mask");
    browser_click("#mask-none");
    browser_wait(TAB ".then((t) => !t.mask)");
    browser_wait("$('#mask-none').disabled");
    browser_upload("#mask-file", DESK(mask));
    browser_wait("!$('#mask-use').disabled");
    expect_near(bright(.25, .4), 255, 2);
    expect_near(bright(.9, .4), 0, 2);
    free(mask);
}

int browser_mask(void)
{
    const struct CMUnitTest tests[] = {
        BROWSER_TEST(test_painted), BROWSER_TEST(test_by_finger), BROWSER_TEST(test_by_keys),
        BROWSER_TEST(test_used),    BROWSER_TEST(test_from_file),
    };

    return cmocka_run_group_tests_name("mask", tests, NULL, NULL);
}
