/* Model, noise and directions: from the settings to the cards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "browser.h"
#include "test_browser.h"

/* Another model: what it is is told, and what it can be asked is there. */
static void test_model(void **state)
{
    (void)state;
    assert_true(browser_true("$('#set-prompt').clientWidth === 0"));
    browser_choose("#set-model", "faces64-text");
    browser_wait(TAB ".then((t) => t.settings.model === 'faces64-text')");
    browser_wait("$('#set-prompt').clientWidth && /64 × 64/.test($('#how').innerText)");
    browser_press_at("#set-prompt", "a Space f a c e Enter");
    browser_wait(TAB ".then((t) => t.settings.prompt === 'a face')");
    explorer_rest();
    browser_choose("#set-model", "faces32");
    browser_wait("$('#set-prompt').clientWidth === 0 && /32 × 32/.test($('#how').innerText)");
    explorer_rest();
}

/* How much noise: a value of the grid, with the noisy picture of it; another is another picture. */
static void test_noise(void **state)
{
    char *before;

    (void)state;
    browser_wait("$('#noisy').naturalWidth && $('#noisy').clientWidth");
    before = browser_string("$('#noisy').src");
    browser_press_at("#set-t", "ArrowLeft ArrowLeft");
    browser_wait(
        TAB ".then((t) => t.grid.includes(t.settings.t) && t.noisy && t.noisy.t === t.settings.t)");
    browser_wait("$('#noisy').src !== '%s' && $('#noisy').naturalWidth", before);
    browser_click("#usual-t");
    browser_wait(TAB ".then((t) => t.settings.t === null)");
    explorer_rest();
    free(before);
}

static void test_more(void **state)
{
    (void)state;
    assert_true(browser_true("!$('#set-rank').checkVisibility()"));
    browser_click("#more summary");
    browser_wait("$('#set-rank').checkVisibility()");
    browser_press_at("#set-rank", "Control+a 2 Enter");
    browser_wait(TAB ".then((t) => t.settings.rank === 2)");
    browser_press_at("#set-steps", "Control+a 8 Tab");
    browser_wait(TAB ".then((t) => t.settings.steps === 8)");
    explorer_find();
    assert_true(browser_true("$$('.card').length === 2"));
    browser_choose("#set-tap", "mid");
    browser_wait("!$('.card')"); /* they were of another */
    explorer_find();
}

/* A number that is none is not sent. */
static void test_out_of_range(void **state)
{
    (void)state;
    browser_click("#more summary");
    browser_press_at("#set-rank", "Control+a 9 9 9 Enter");
    assert_true(browser_true("!$('#set-rank').checkValidity()"));
    assert_true(browser_true(TAB ".then((t) => t.settings.rank === 3)"));
}

/* Each direction has a card: three pictures, which differ, its numbers, and a name that stays. */
static void test_cards(void **state)
{
    (void)state;
    explorer_find();
    assert_true(
        browser_true("$$('.card').length === 3 && $$('.card').every((c) => "
                     "new Set([...c.querySelectorAll('img')].map((i) => i.src)).size === 3)"));
    assert_true(browser_true("$$('.card').every((c) => /Singular value \\d/.test(c.title))"));
    assert_true(browser_true("/Found in/.test($('#found-hint').textContent)"));
    browser_type("#name-1", "smile");
    browser_press("Enter");
    browser_wait(TAB ".then((t) => t.settings.names['1'] === 'smile')");
    json_decref(browser_run("location.reload()"));
    browser_wait("$('#name-1') && $('#name-1').value === 'smile'");
    assert_true(browser_true(
        "$$('.card').length === 3 && $('#slider-1').getAttribute('aria-label').includes('smile')"));
}

/* A long search tells how far it is, and is cancelled; then another is found. */
static void test_cancel(void **state)
{
    (void)state;
    browser_click("#more summary");
    browser_press_at("#set-rank", "Control+a 6 4 Tab");
    browser_wait(TAB ".then((t) => t.settings.rank === 64)");
    browser_press_at("#set-steps", "Control+a 3 0 0 Tab");
    browser_wait(TAB ".then((t) => t.settings.steps === 300 && t.job === null)");
    browser_click("#find");
    browser_wait(
        "!$('#progress').hidden && /Finding directions/.test($('#progress-text').textContent)");
    browser_wait("$('#progress-bar').position > 0");
    assert_true(browser_true("$('#find').disabled"));
    browser_click("#cancel");
    browser_wait("$('#progress').hidden && !$('#find').disabled");
    assert_true(browser_true("!$('.card') && $('#trouble').hidden"));
    explorer_rest();
    browser_press_at("#set-rank", "Control+a 1 Tab");
    browser_press_at("#set-steps", "Control+a 8 Tab");
    browser_wait(TAB ".then((t) => t.settings.rank === 1 && t.settings.steps === 8)");
    explorer_find();
}

/* A search goes on while the page is loaded again. */
static void test_reload(void **state)
{
    (void)state;
    browser_click("#more summary");
    browser_press_at("#set-steps", "Control+a 2 0 0 Tab");
    browser_wait(TAB ".then((t) => t.settings.steps === 200 && t.job === null)");
    browser_click("#find");
    browser_wait("!$('#progress').hidden");
    json_decref(browser_run("location.reload()"));
    browser_wait("document.readyState === 'complete' && $('#find').disabled && !$('.card')");
    browser_wait("!$('#progress').hidden");
    browser_wait("$$('.card').length === 3 && $('#progress').hidden");
}

int browser_find(void)
{
    const struct CMUnitTest tests[] = {
        BROWSER_TEST(test_model),        BROWSER_TEST(test_noise), BROWSER_TEST(test_more),
        BROWSER_TEST(test_out_of_range), BROWSER_TEST(test_cards), BROWSER_TEST(test_cancel),
        BROWSER_TEST(test_reload),
    };

    return cmocka_run_group_tests_name("find", tests, NULL, NULL);
}
