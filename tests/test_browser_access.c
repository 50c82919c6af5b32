/* Without a mouse, on a phone, in the dark. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "browser.h"
#include "test_browser.h"

/* Presses Tab until an element has the focus, at most so often. */
static void tab_to(const char *element)
{
    for (int i = 0; i < 80; i++) {
        if (browser_true("document.activeElement === $('%s')", element))
            return;
        browser_press("Tab");
    }
    fail_msg("Tab does not reach %s", element);
}

/* From the first Tab to a picture taken home, by keys alone. What has the focus is seen to have it.
 */
static void test_keys_alone(void **state)
{
    (void)state;
    tab_to("#find");
    assert_true(browser_true("$('#find').matches(':focus-visible') && "
                             "parseFloat(getComputedStyle($('#find')).outlineWidth) >= 2"));
    browser_press("Enter");
    browser_wait("$$('.card').length === 3 && $('#progress').hidden");
    tab_to("#slider-1");
    browser_press("ArrowRight ArrowRight ArrowRight ArrowRight");
    browser_wait("$('#exactness').textContent === 'final' && $('#slider-1').value === '0.2'");
    browser_press("Shift+Tab");
    browser_press("Enter"); /* the last picture of the card */
    browser_wait("$('#slider-1').value === '1' && $('#exactness').textContent === 'final'");
    tab_to("#divider");
    browser_press("ArrowRight");
    expect_near(browser_number("Number($('#divider').getAttribute('aria-valuenow'))"), 55, 0);
    tab_to("#beside");
    browser_press("Space");
    browser_wait("$('#beside').getAttribute('aria-pressed') === 'true'");
    tab_to("#more-files summary");
    browser_press("Enter");
    tab_to("#save-project");
    browser_press("Space");
    browser_wait("/Saved/.test($('#live').textContent)");
    assert_true(browser_true("/Saved/.test($('#notice').innerText)"));
}

/* Tab comes to all that a mouse can press, and each of it has a name. */
static void test_all_reached(void **state)
{
    char *missed;

    (void)state;
    explorer_find();
    explorer_set(0, 0.5);
    json_decref(
        browser_run("$$('details').forEach((d) => d.open = true); window.reached = new Set(); "
                    "document.addEventListener('focusin', (e) => reached.add(e.target)); "
                    "document.activeElement.blur()"));
    for (int i = 0; i < 8; i++)
        browser_press("Tab Tab Tab Tab Tab Tab Tab Tab Tab Tab");
    /* Of radio buttons one is reached; arrow keys come to the others. */
    missed = browser_string(
        "$$('button, input, select, textarea, summary, [tabindex=\"0\"]').filter((e) "
        "=> e.checkVisibility() && "
        "!e.disabled && !e.matches('[type=radio]:not(:checked)') && !reached.has(e))"
        ".map((e) => e.id || e.outerHTML.slice(0, 80)).join(' ')");
    assert_string_equal(missed, "");
    free(missed);
    missed = browser_string(
        "[...reached].filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim() || "
        "(e.labels && e.labels.length && e.labels[0].textContent.trim()))).map((e) => e.id || "
        "e.outerHTML.slice(0, 80)).join(' ')");
    assert_string_equal(missed, "");
    free(missed);
}

/* The photo's button is a label: the keyboard has the field in it. */
static void test_announced(void **state)
{
    (void)state;
    assert_true(browser_true("$('#live').getAttribute('aria-live') === 'polite'"));
    explorer_find();
    browser_wait("/3 directions found/.test($('#live').textContent)");
    explorer_set(0, 0.5);
    browser_wait("/final picture/.test($('#live').textContent)");
}

static const browser_look looks[] = {
    {.width = 1400, .height = 900},
    {.width = 1400, .height = 900, .dark = true},
    {.width = 390, .height = 844, .phone = true},
    {.width = 390, .height = 844, .phone = true, .dark = true},
};

/* A picture for whoever wants to look: in the folder PULLBACK_PICTURES. */
static void keep(const char *name, const char *element, const browser_look *look)
{
    const char *folder = getenv("PULLBACK_PICTURES");
    char path[600];

    if (!folder)
        return;
    snprintf(path, sizeof path, "%s/%s-%s-%s.png", folder, look->phone ? "phone" : "desktop",
             look->dark ? "dark" : "light", name);
    json_decref(
        browser_run("document.activeElement.blur(); "
                    "$$('details').forEach((d) => d.open = d.id === 'fold' && innerWidth > 767); "
                    "$('%s').scrollIntoView()",
                    element));
    browser_picture(path);
}

/* Nothing is wider than the window; text and ground differ, and are dark where that is wanted. */
static void expect_look(const browser_look *look)
{
    char *wide;
    double ground, ink;

    browser_wait("innerWidth === %d && matchMedia('(prefers-color-scheme: dark)').matches === %s",
                 look->width, look->dark ? "true" : "false");
    if (browser_number("document.documentElement.scrollWidth") > look->width) {
        wide = browser_string(
            "$$('body *').filter((e) => e.getBoundingClientRect().right > innerWidth)"
            ".map((e) => e.id || e.className || e.tagName).join(' ')");
        fail_msg("wider than %d: %s", look->width, wide);
    }
#define TONE(what) "Number(getComputedStyle(document.body)." what ".match(/\\d+/)[0])"
    ground = browser_number(TONE("backgroundColor"));
    ink = browser_number(TONE("color"));
    assert_true(look->dark ? ground < 60 && ink > 180 : ground > 200 && ink < 80);
}

static void look_at(const char *name, const char *on_phone)
{
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        json_decref(browser_run("$$('details').forEach((d) => d.open = true)"));
        browser_show(looks[i]);
        expect_look(&looks[i]);
        keep(name, looks[i].phone ? on_phone : "header", &looks[i]);
    }
}

static void test_looks(void **state)
{
    (void)state;
    look_at("begin", "header");
    browser_show(looks[0]);
    explorer_find();
    explorer_set(0, 0.5);
    look_at("edit", "#viewer");
}

/* On a phone: a finger moves a slider while the picture stays in sight. */
static void test_phone(void **state)
{
    (void)state;
    browser_show(looks[2]);
    explorer_find(); /* then the top of the directions is in sight, below the picture */
    browser_wait("box('#found').top >= box('#viewer').bottom && box('#found').top < innerHeight");
    browser_drag("#slider-2",
                 (browser_way){.pointer = BROWSER_TOUCH, .x = .5, .y = .5, .right = 60});
    browser_wait("Number($('#slider-2').value) > 0.1 && $('#exactness').textContent === 'final'");
    assert_true(browser_true("getComputedStyle($('.mouse')).display === 'none'"));
    assert_true(browser_true(
        "box('#after-picture').top >= 0 && box('#after-picture').bottom < box('#slider-2').top"));
}

int browser_access(void)
{
    const struct CMUnitTest tests[] = {
        BROWSER_TEST(test_keys_alone), BROWSER_TEST(test_all_reached), BROWSER_TEST(test_announced),
        BROWSER_TEST(test_looks),      BROWSER_TEST(test_phone),
    };

    return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
