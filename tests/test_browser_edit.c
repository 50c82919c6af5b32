/* Sliders, the picture before and after, and the steps that were taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "browser.h"
#include "test_browser.h"

static int with_cards(void **state)
{
    explorer_set_up(state);
    explorer_find();
    return 0;
}

#define EDIT_TEST(f) cmocka_unit_test_setup_teardown(f, with_cards, explorer_tear_down)

/* Notes what the badge of the picture says from now on, as window.said. */
static void listen(void)
{
    json_decref(browser_run(
        "window.said = []; new MutationObserver(() => said.push($('#exactness').textContent))"
        ".observe($('#exactness'), {childList: true, characterData: true, subtree: true})"));
}

/* The pixels of the picture after, as text. */
static char *pixels(void)
{
    return browser_string("$('#after-picture').toDataURL()");
}

/* By keys: a preview at once, then the final picture, another one than without an edit. */
static void test_keys(void **state)
{
    char *before = pixels(), *after;

    (void)state;
    listen();
    explorer_set(0, 0.5);
    after = pixels();
    assert_true(browser_true(
        "said.includes('preview') && said.indexOf('preview') < said.indexOf('final')"));
    assert_string_not_equal(before, after);
    assert_true(browser_true(TAB ".then((t) => t.edit.weights['0'] === 0.5)"));
    assert_true(browser_true(
        "/changed/.test($('#edit-note').textContent) && /\\d of 255/.test($('#edit-note').title)"));
    free(before);
    free(after);
}

static void test_dragged(void **state)
{
    (void)state;
    browser_drag("#slider-1", (browser_way){.x = .5, .y = .5, .right = -60});
    assert_true(browser_number("Number($('#slider-1').value)") < -0.2);
    browser_wait("$('#exactness').textContent === 'final'");
    browser_wait(TAB ".then((t) => t.edit.weights['1'] === Number($('#slider-1').value))");
}

static void test_touched(void **state)
{
    (void)state;
    browser_drag("#slider-1",
                 (browser_way){.pointer = BROWSER_TOUCH, .x = .5, .y = .5, .right = 60});
    browser_wait("Number($('#slider-1').value) > 0.2 && $('#exactness').textContent === 'final'");
}

/* A card's pictures are buttons: to one end, to the other, back. */
static void test_pictures(void **state)
{
    (void)state;
    browser_click("#card-2 .three button:first-child");
    browser_wait("$('#slider-2').value === '-1' && $('#exactness').textContent === 'final'");
    browser_click("#card-2 .three button:last-child");
    browser_wait("$('#slider-2').value === '1' && $('#exactness').textContent === 'final'");
    browser_click("#card-2 .three button:nth-child(2)");
    browser_wait("$('#slider-2').value === '0' && $('#exactness').textContent === 'unchanged'");
}

/* Several at once are one edit of a strength of at most 1. */
static void test_several(void **state)
{
    (void)state;
    explorer_set(0, 0.6);
    explorer_set(2, -0.8);
    browser_wait(TAB ".then(({edit: e}) => e.weights['0'] === 0.6 && e.weights['2'] === -0.8 && "
                     "Math.abs(e.strength - 1) < 1e-6)");
    assert_true(browser_true("$$('.card.used').length === 2 && $('#shared-note').hidden"));
    explorer_set(0, 0.7);
    assert_true(browser_true("/share/.test($('#shared-note').innerText)"));
    browser_click("#zero");
    browser_wait("$('#exactness').textContent === 'unchanged' && !$('.card.used')");
    assert_true(browser_true("$('#zero').disabled && $('#command-box').hidden"));
}

static void test_zero(void **state)
{
    (void)state;
    explorer_set(0, 0.4);
    browser_double_click("#slider-0", 0.8); /* a single one would set it there */
    browser_wait("$('#slider-0').value === '0' && $('#exactness').textContent === 'unchanged'");
    explorer_set(1, -0.4);
    browser_press_at("#slider-1", "Delete");
    browser_wait("$('#slider-1').value === '0' && $('#exactness').textContent === 'unchanged'");
}

/* What is shown again is what was there. */
static void test_undo(void **state)
{
    char *first, *second, *now;

    (void)state;
    assert_true(browser_true("$('#redo').disabled"));
    explorer_set(0, 0.5);
    first = pixels();
    json_decref(
        browser_run("return new Promise((done) => setTimeout(done, 750))")); /* a step of its own */
    explorer_set(1, -0.5);
    second = pixels();
    browser_click("#undo");
    browser_wait("$('#slider-1').value === '0' && $('#slider-0').value === '0.5' && "
                 "$('#exactness').textContent === 'final'");
    now = pixels();
    assert_string_equal(now, first);
    free(now);
    browser_press("Control+Shift+Z");
    browser_wait("$('#slider-1').value === '-0.5' && $('#exactness').textContent === 'final'");
    now = pixels();
    assert_string_equal(now, second);
    free(now);
    browser_press("Control+z Control+z");
    browser_wait("$('#slider-0').value === '0' && $('#exactness').textContent === 'unchanged'");
    browser_click("#past button:last-child");
    browser_wait("$('#slider-1').value === '-0.5' && $('#past "
                 "button:last-child').getAttribute('aria-current') === 'step'");
    json_decref(browser_run("location.reload()")); /* the steps are kept */
    browser_wait(
        "$('#slider-1') && $('#slider-1').value === '-0.5' && $$('#past button').length >= 3");
    browser_click("#undo");
    browser_wait("$('#slider-1').value === '0' && $('#slider-0').value === '0.5'");
    free(first);
    free(second);
}

/* A setting that was changed is a step, too: directions are found again where they were. */
static void test_undo_setting(void **state)
{
    (void)state;
    explorer_set(0, 0.5);
    browser_press_at("#set-t", "ArrowLeft");
    browser_wait("!$('.card')");
    explorer_rest();
    browser_click("#undo");
    browser_wait(
        "$('.card') && $('#slider-0').value === '0.5' && $('#exactness').textContent === 'final'");
    assert_true(browser_true(TAB ".then((t) => t.settings.t === null)"));
}

/* The divider is where it was dragged to; left of it is the picture before. */
static void test_divider(void **state)
{
    double width;

    (void)state;
    explorer_set(0, 1);
    width = browser_number("box('#compare').width");
    browser_drag("#divider", (browser_way){.x = .5, .y = .3, .right = width * .25});
    expect_near(browser_number("Number($('#divider').getAttribute('aria-valuenow'))"), 75, 2);
    expect_near(browser_number("box('#divider').left - box('#compare').left"), width * .75,
                width * .02);
    browser_drag("#divider",
                 (browser_way){.pointer = BROWSER_TOUCH, .x = .5, .y = .3, .right = -width * .5});
    expect_near(browser_number("Number($('#divider').getAttribute('aria-valuenow'))"), 25, 2);
    browser_press_at("#divider", "ArrowRight End");
    expect_near(browser_number("Number($('#divider').getAttribute('aria-valuenow'))"), 100, 0);
    browser_press("Home ArrowRight");
    expect_near(browser_number("Number($('#divider').getAttribute('aria-valuenow'))"), 5, 0);
}

static void test_beside(void **state)
{
    (void)state;
    explorer_set(0, 1);
    assert_true(
        browser_true("Math.abs(box('#before-picture').left - box('#after-picture').left) < 1"));
    browser_click("#beside");
    browser_wait("box('#before-picture').right <= box('#after-picture').left && "
                 "box('#after-picture').width > 50");
    assert_true(
        browser_true("Math.abs(box('#after-picture').top - box('#before-picture').top) < 1"));
    browser_click("#beside");
    browser_wait("Math.abs(box('#before-picture').left - box('#after-picture').left) < 1");
    browser_choose("#before", "middle");
    browser_wait(TAB ".then((t) => $('#before-picture').src.endsWith(t.found.middle))");
    assert_true(browser_true("$('#own-note').clientHeight > 0"));
}

/* While it is held the picture before is all that is seen. */
static void test_hold(void **state)
{
    const char *const hidden = "getComputedStyle($('#after-picture')).visibility === 'hidden'";

    (void)state;
    explorer_set(0, 1);
    for (browser_pointer pointer = BROWSER_MOUSE; pointer <= BROWSER_TOUCH; pointer++) {
        browser_drag("#hold", (browser_way){.pointer = pointer, .x = .5, .y = .5, .hold = true});
        assert_true(browser_true("%s", hidden));
        assert_true(browser_true("getComputedStyle($('#held')).visibility === 'visible'"));
        browser_release();
        assert_false(browser_true("%s", hidden));
    }
}

int browser_edit(void)
{
    const struct CMUnitTest tests[] = {
        EDIT_TEST(test_keys),     EDIT_TEST(test_dragged),      EDIT_TEST(test_touched),
        EDIT_TEST(test_pictures), EDIT_TEST(test_several),      EDIT_TEST(test_zero),
        EDIT_TEST(test_undo),     EDIT_TEST(test_undo_setting), EDIT_TEST(test_divider),
        EDIT_TEST(test_beside),   EDIT_TEST(test_hold),
    };

    return cmocka_run_group_tests_name("edit", tests, NULL, NULL);
}
