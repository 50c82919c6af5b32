/* What is taken home, and to another photo. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "browser.h"
#include "program.h"
#include "test_browser.h"

static int with_edit(void **state)
{
    explorer_set_up(state);
    explorer_find();
    explorer_set(0, 0.5);
    explorer_set(2, -0.25);
    return 0;
}

#define EXPORT_TEST(f) cmocka_unit_test_setup_teardown(f, with_edit, explorer_tear_down)

static void expect_ending(const char *name, const char *ending)
{
    if (strlen(name) < strlen(ending) || strcmp(name + strlen(name) - strlen(ending), ending) != 0)
        fail_msg("%s: expected a name that ends in %s", name, ending);
}

/* The photo is, byte for byte, what the command that is shown writes. */
static void test_photo(void **state)
{
    char *name = explorer_take("#save-photo-png");

    (void)state;
    expect_ending(name, ".png");
    explorer_run_command();
    explorer_expect_same(name, "edited.png");
    free(name);
}

/* The whole photo, edited, is of the photo's size. */
static void test_jpeg(void **state)
{
    size_t size;
    char *name = explorer_take("#save-photo-jpg");
    unsigned char *bytes = scratch_read(&desk, name, &size);

    (void)state;
    expect_ending(name, ".jpg");
    assert_true(size > 1000);
    assert_memory_equal(bytes, "\xff\xd8\xff", 3);
    free(bytes);
    browser_upload("#file", DESK(name));
    browser_wait(
        TAB ".then(({photo: p}) => p && p.name === '%s' && p.width === 300 && p.height === 320)",
        name);
    free(name);
}

/* A WebP file of many pictures. */
static void test_animation(void **state)
{
    size_t size, frames = 0;
    char *name = explorer_take("#save-animation");
    unsigned char *bytes = scratch_read(&desk, name, &size);

    (void)state;
    expect_ending(name, ".webp");
    assert_memory_equal(bytes, "RIFF", 4);
    assert_memory_equal(bytes + 8, "WEBP", 4);
    assert_non_null(memmem(bytes, size, "ANIM", 4));
    for (const unsigned char *at = bytes; (at = memmem(at, size - (size_t)(at - bytes), "ANMF", 4));
         at++)
        frames++;
    assert_true(frames >= 5);
    free(bytes);
    free(name);
}

/* The edit in stages, one next to the other. */
static void test_strip(void **state)
{
    size_t size;
    char *name = explorer_take("#save-strip");
    unsigned char *b = scratch_read(&desk, name, &size);

    (void)state;
    expect_ending(name, ".png");
    assert_memory_equal(b, "\x89PNG", 4);
    assert_true((b[18] << 8 | b[19]) >= 3 * (b[22] << 8 | b[23]));
    free(b);
    free(name);
}

/* Files of directions are what other commands read. */
static void test_directions(void **state)
{
    char *basis = explorer_take("#save-basis"), *direction = explorer_take("#save-direction");

    (void)state;
    expect_ending(basis, ".safetensors");
    expect_ending(direction, ".safetensors");
    expect(program(desk.folder, "compare %s %s", basis, direction), 0, NULL);
    expect(program(desk.folder, "edit --basis %s -d 2 -o one.png", basis), 0, NULL);
    expect(program(desk.folder, "edit --basis %s --strength 0.5 -o along.png", direction), 0, NULL);
    assert_true(scratch_has(&desk, "one.png") && scratch_has(&desk, "along.png"));
    free(basis);
    free(direction);
}

static char *picture(void)
{
    return browser_string("$('#after-picture').toDataURL()");
}

/* A project goes on where it was: photo, settings, names, sliders, the same picture. */
static void test_project(void **state)
{
    char *name, *before = picture(), *after;

    (void)state;
    browser_type("#name-0", "smile");
    browser_press("Enter");
    browser_wait(TAB ".then((t) => t.settings.names['0'] === 'smile')");
    name = explorer_take("#save-project");
    expect_ending(name, ".pullback");
    explorer_tear_down(state);
    explorer_set_up(state);
    browser_upload("#project-file", DESK(name));
    browser_wait(
        "$('#slider-2') && $('#slider-0').value === '0.5' && $('#slider-2').value === '-0.25' && "
        "$('#exactness').textContent === 'final'");
    assert_true(browser_true("$('#name-0').value === 'smile' && $$('.card').length === 3"));
    assert_true(browser_true(
        TAB ".then((t) => t.settings.steps === 10 && t.photo.name === 'portrait.png')"));
    after = picture();
    assert_string_equal(before, after);
    browser_click("#undo");
    browser_wait("$('#slider-2').value !== '-0.25'");
    free(after);
    free(before);
    free(name);
}

/* What is no project is refused in words. */
static void test_no_project(void **state)
{
    (void)state;
    scratch_write(&desk, "no.pullback", "PK no project", 13);
    browser_upload("#project-file", DESK("no.pullback"));
    browser_wait("!$('#trouble').hidden && $('#trouble').textContent.trim().length > 10");
    browser_click("#trouble-close");
    assert_true(browser_true("$('#trouble').hidden"));
}

/* The command line, by its button. */
static void test_copy(void **state)
{
    (void)state;
    explorer_unfold("#copy");
    browser_click("#copy");
    browser_wait("$('#copy').textContent === 'Copied'");
    assert_true(
        browser_true("$('#command').value.startsWith('pullback edit portrait.png --crop ')"));
}

/* The directions on another photo: what is left of each, the same sliders; and back. */
static void test_carried(void **state)
{
    char *photo, *basis, *first = browser_string("sessionStorage.getItem('tab')");

    (void)state;
    browser_upload("#carry-file", DESK("samples.png"));
    browser_wait("sessionStorage.getItem('tab') !== '%s'", first);
    browser_wait(
        "$('#slider-2') && $$('.card .share').length === 3 && $('#slider-0').value === '0.5' && "
        "$('#slider-2').value === '-0.25' && $('#exactness').textContent === 'final'");
    assert_true(browser_true("$$('.card .share').every((s) => /\\d+ %%/.test(s.textContent))"));
    assert_true(browser_true("/portrait.png/.test($('#carried-text').textContent)"));
    assert_true(browser_true(
        TAB ".then((t) => t.photo.name === 'samples.png' && t.carried.from === 'portrait.png')"));
    basis = explorer_take("#save-basis");
    photo = explorer_take("#save-photo-png");
    explorer_run_command();
    explorer_expect_same(photo, "edited.png");
    browser_click("#own");
    browser_wait(TAB ".then((t) => !t.carried) && !$('.card')");
    browser_click("#back");
    browser_wait("sessionStorage.getItem('tab') === '%s' && $('#slider-2') && $('#slider-2').value "
                 "=== '-0.25'",
                 first);
    assert_true(browser_true("$('#carried').hidden"));
    free(basis);
    free(photo);
    free(first);
}

int browser_export(void)
{
    const struct CMUnitTest tests[] = {
        EXPORT_TEST(test_photo),       EXPORT_TEST(test_jpeg),       EXPORT_TEST(test_animation),
        EXPORT_TEST(test_strip),       EXPORT_TEST(test_directions), EXPORT_TEST(test_project),
        BROWSER_TEST(test_no_project), EXPORT_TEST(test_copy),       EXPORT_TEST(test_carried),
    };

    return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
