/* How a photo gets in, and what of it the model sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "browser.h"
#include "test_browser.h"

static void test_example(void **state)
{
    (void)state;
    assert_true(browser_true("$('#frame').clientWidth > 20"));
    assert_true(browser_true("/portrait/.test($('#photo-hint').textContent)"));
    browser_wait("$$('#stage img').some((i) => i.naturalWidth)");
}

/* The program has a photo of this name and size, and the page shows it. */
static void expect_photo(const char *name, int width, int height)
{
    browser_wait(TAB
                 ".then(({photo: p}) => p && p.name === '%s' && p.width === %d && p.height === %d)",
                 name, width, height);
    explorer_rest();
    browser_wait("$('#photo-hint').textContent.includes('%s') && $('#frame').clientWidth > 20",
                 name);
    browser_wait("Math.abs($('#stage').clientWidth / $('#stage').clientHeight - %d / %d) < 0.02",
                 width, height);
}

static void test_chosen(void **state)
{
    (void)state;
    browser_upload("#file", DESK("samples.png"));
    expect_photo("samples.png", 568, 568);
}

/* A picture of the page's own as a file, and a list of files with it: what a drop and a paste
 * bring. */
#define FILE_OF(name, width, height)                                                               \
    "const c = document.createElement('canvas'); c.width = " #width "; c.height = " #height "; "   \
    "const p = c.getContext('2d'); p.fillStyle = '#a63'; p.fillRect(0, 0, c.width, c.height / "    \
    "2); "                                                                                         \
    "return new Promise((done) => c.toBlob(done)).then((blob) => { "                               \
    "const d = new DataTransfer(); d.items.add(new File([blob], '" name                            \
    "', {type: 'image/png'})); "

static void test_dropped(void **state)
{
    (void)state;
    json_decref(browser_run(FILE_OF(
        "dropped.png", 120,
        90) "for (const type of ['dragenter', 'dragover', 'drop']) "
            "document.querySelector('#stage').dispatchEvent("
            "new DragEvent(type, {dataTransfer: d, bubbles: true, cancelable: true})); })"));
    expect_photo("dropped.png", 120, 90);
}

static void test_pasted(void **state)
{
    (void)state;
    json_decref(browser_run(FILE_OF(
        "pasted.png", 80, 140) "document.body.dispatchEvent(new ClipboardEvent('paste', "
                               "{clipboardData: d, bubbles: true, cancelable: true})); })"));
    expect_photo("pasted.png", 80, 140);
}

/* What is no picture is said in words, and the page goes on. */
static void test_no_picture(void **state)
{
    (void)state;
    scratch_write(&desk, "no.png", "no picture", 10);
    browser_upload("#file", DESK("no.png"));
    browser_wait("!$('#trouble').hidden && $('#trouble').textContent.trim().length > 10");
    browser_upload("#file", DESK("samples.png"));
    expect_photo("samples.png", 568, 568);
    assert_true(browser_true("$('#trouble').hidden"));
}

typedef struct area {
    double x, y, width, height;
} area;

static area seen(void)
{
    json_t *value = browser_run("return " TAB ".then((t) => t.photo.area)");
    double at[4];

    for (size_t i = 0; i < 4; i++)
        at[i] = json_number_value(json_array_get(value, i));
    json_decref(value);
    return (area){at[0], at[1], at[2], at[3]};
}

/* What the program sees after somebody did something to the frame. */
static area then(area before)
{
    browser_wait(TAB ".then((t) => t.job === null && String(t.photo.area) !== '%g,%g,%g,%g')",
                 before.x, before.y, before.width, before.height);
    return seen();
}

/* The frame is made larger at its corner, then moved: its shape stays, and the program sees what
 * the frame shows. */
static void frame(browser_pointer pointer)
{
    double scale;
    area first, large, moved;

    scale = 300 / browser_number("$('#stage').clientWidth");
    first = seen();
    browser_drag("#frame .se",
                 (browser_way){.pointer = pointer, .x = .5, .y = .5, .right = 60, .down = 50});
    large = then(first);
    expect_near(large.x, first.x, 1.5);
    expect_near(large.y, first.y, 1.5);
    expect_near(large.width, first.width + 55 * scale, 6);
    expect_near(large.width, large.height, 1);
    browser_drag("#frame",
                 (browser_way){.pointer = pointer, .x = .5, .y = .5, .right = 30, .down = 20});
    moved = then(large);
    expect_near(moved.width, large.width, 1);
    expect_near(moved.height, large.height, 1);
    expect_near(moved.x, large.x + 30 * scale, 4);
    expect_near(moved.y, large.y + 20 * scale, 4);
    expect_near(browser_number("box('#frame').left - box('#stage').left") * scale, moved.x, 4);
    expect_near(browser_number("box('#frame').width") * scale, moved.width, 8);
}

static void test_frame_mouse(void **state)
{
    (void)state;
    frame(BROWSER_MOUSE);
}

static void test_frame_touch(void **state)
{
    (void)state;
    frame(BROWSER_TOUCH);
}

static void test_frame_keys(void **state)
{
    area first, small, moved;

    (void)state;
    first = seen();
    browser_press_at("#frame", "- - - -");
    small = then(first);
    assert_true(small.width < first.width - 4);
    browser_press_at("#frame", "ArrowLeft ArrowLeft ArrowDown");
    moved = then(small);
    expect_near(moved.width, small.width, 1);
    assert_true(moved.x < small.x && moved.y > small.y);
}

/* Are the pictures at two addresses the same? */
static bool same(const char *one, const char *other)
{
    return browser_true(
        "Promise.all(['%s', '%s'].map((u) => fetch(u).then((r) => r.arrayBuffer()).then((b) => "
        "String(new Uint8Array(b))))).then(([a, b]) => a === b)",
        one, other);
}

/* A picture of a seed in place of the photo: another seed is another picture. */
static void test_made_up(void **state)
{
    char *one, *other;

    (void)state;
    browser_click("#source-seed");
    browser_wait(TAB ".then((t) => t.settings.source === 'seed') && $('#stage').clientWidth === 0");
    explorer_rest();
    explorer_find();
    one = browser_string("$('.three button:nth-child(2) img').src");
    browser_press_at("#seed", "Control+a 1 2 Enter");
    browser_wait(TAB ".then((t) => t.settings.seed === 12)");
    browser_wait("!$('.card')");
    explorer_find();
    other = browser_string("$('.three button:nth-child(2) img').src");
    assert_false(same(one, other));
    assert_true(same(other, other));
    browser_click("#another-seed");
    browser_wait(
        TAB ".then((t) => t.settings.seed !== 12 && t.settings.seed === Number($('#seed').value))");
    browser_click("#source-photo");
    browser_wait(TAB ".then((t) => t.settings.source === 'photo') && $('#frame').clientWidth");
    free(one);
    free(other);
}

int browser_photo(void)
{
    const struct CMUnitTest tests[] = {
        BROWSER_TEST(test_example),     BROWSER_TEST(test_chosen),
        BROWSER_TEST(test_dropped),     BROWSER_TEST(test_pasted),
        BROWSER_TEST(test_no_picture),  BROWSER_TEST(test_frame_mouse),
        BROWSER_TEST(test_frame_touch), BROWSER_TEST(test_frame_keys),
        BROWSER_TEST(test_made_up),
    };

    return cmocka_run_group_tests_name("photo", tests, NULL, NULL);
}
