/* What a study leaves: figure, report, pictures of samples; and where it may leave it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "program.h"
#include "scratch.h"
#include "study/report/words.h"

#define FACES PB_SOURCE_DIR "/models/faces32"
#define QUICK " -q --model " FACES " --steps 8 -k 4 --timesteps 2 "

/* -- settings in words --------------------------------------------------------------------------
 */

static void expect_words(const char *key, json_t *value, const char *words)
{
    char *text = pb_setting_words(key, value, here.folder);

    assert_string_equal(text, words);
    free(text);
    json_decref(value);
}

static void test_words(void **state)
{
    json_t *list = json_array();

    (void)state;
    scratch_folder(&here, "photos");
    scratch_write(&here, "photos/a.jpg", "a", 1);
    expect_words("crop", json_null(), "none");
    expect_words("class", json_integer(-1), "none");
    expect_words("class", json_integer(0), "0");
    expect_words("images", json_array(), "none");
    expect_words("direct", json_false(), "no");
    expect_words("tol", json_real(1e-3), "0.001");
    expect_words("models", json_string("faces32"), "faces32");
    expect_words("prompt", json_string("/"), "/");
    expect_words("catalogue", json_string(scratch_path(&here, "photos").text), "photos");
    expect_words("catalogue", json_string(here.folder), ".");
    json_array_append_new(list, json_string(scratch_path(&here, "photos/a.jpg").text));
    json_array_append_new(list, json_string("gone.jpg"));
    expect_words("images", list, "photos/a.jpg\ngone.jpg");
}

/* -- what is left --------------------------------------------------------------------------------
 */

static int number_of(const outcome *o, const char *key)
{
    json_t *object = object_of(o);
    int number = (int)json_integer_value(json_object_get(object, key));

    json_decref(object);
    return number;
}

static void test_report(void **state)
{
    (void)state;
    expect(program(here.folder, "study timesteps --samples 2" QUICK "-o one"), 0, NULL);
    /* Cells are drawn, not a picture of them; panels have letters; the space is named. */
    assert_false(scratch_holds(&here, "one/figure.svg", "<image"));
    assert_true(scratch_holds(&here, "one/figure.svg", ">(f)</"));
    assert_true(scratch_holds(&here, "one/figure.svg", "distance in H / largest"));
    assert_false(scratch_holds(&here, "one/figure.gp", "T_x"));
    assert_true(scratch_holds(&here, "one/figure.gp", "dashtype 2"));
    assert_true(scratch_holds(&here, "one/report.html", "There are no bands"));
    assert_true(scratch_holds(&here, "one/report.html", "src=\"data:image/png;base64,iVBOR"));
    assert_true(scratch_holds(&here, "one/report.html", "deterministic"));
    assert_true(scratch_holds(&here, "one/report.html", "<tr><th>class</th><td>none</td></tr>"));
    assert_false(scratch_holds(&here, "one/report.html", "null"));
    assert_false(scratch_holds(&here, "one/report.html", "-1<"));
    assert_false(scratch_holds(&here, "one/report.html", here.folder));
    assert_false(scratch_holds(&here, "one/report.html", "\">" PB_SOURCE_DIR));
    assert_true(scratch_has(&here, "one/samples.png"));
    expect(program(here.folder, "study samples --samples 2 --space X" QUICK "-o two"), 0, NULL);
    assert_true(scratch_holds(&here, "two/figure.svg", "distance in X / largest"));
    assert_true(scratch_holds(&here, "two/report.html", "in X, spanned by"));
}

static void expect_same(const char *a, const char *b, int same)
{
    size_t m, n;
    unsigned char *x = scratch_read(&here, a, &m), *y = scratch_read(&here, b, &n);

    assert_int_equal(m == n && !memcmp(x, y, m), same);
    free(x);
    free(y);
}

/* Stochastic steps are for the pictures alone; given images have none. */
static void test_pictures(void **state)
{
    (void)state;
    assert_int_equal(number_of(program(here.folder, "study samples --json --catalogue c.sqlite "
                                                    "--samples 3" QUICK "-o one"),
                               "computed"),
                     9);
    assert_int_equal(number_of(program(here.folder, "study samples --json --catalogue c.sqlite "
                                                    "--samples 3 --boost 0" QUICK "-o two"),
                               "computed"),
                     3);
    expect_same("one/data.csv", "two/data.csv", 1);
    expect_same("one/samples.png", "two/samples.png", 0);
    /* They are no setting that makes another study. */
    assert_int_equal(number_of(program(here.folder, "study samples --json --catalogue c.sqlite "
                                                    "--samples 3" QUICK "-o two"),
                               "computed"),
                     0);
    expect_same("one/samples.png", "two/samples.png", 1);
    expect(program(here.folder, "study samples --settings one/settings.json --boost 0 -q -o two"),
           0, NULL);
    expect_same("one/samples.png", "two/samples.png", 0);
    expect(program(here.folder, "study timesteps " PB_SOURCE_DIR
                                "/examples/portrait.png --crop none --boost 1" QUICK "-o three"),
           2, "samples that are drawn");
    expect(program(here.folder, "study timesteps " PB_SOURCE_DIR
                                "/examples/portrait.png --crop none" QUICK "-o three"),
           0, NULL);
    assert_false(scratch_has(&here, "three/samples.png"));
    assert_false(scratch_holds(&here, "three/report.html", "<img"));
}

/* -- where it may go -----------------------------------------------------------------------------
 */

static void test_other(void **state)
{
    (void)state;
    expect(program(here.folder, "study samples --samples 2" QUICK "-o one"), 0, NULL);
    expect(program(here.folder, "study samples --samples 2" QUICK "-o one/"), 0, NULL);
    scratch_change(&here, "one/settings.json", "{\"fit\": \"pad\"}"); /* of images */
    expect(program(here.folder, "study samples --samples 2" QUICK "-o one"), 0, NULL);
    expect(program(here.folder, "study samples --samples 3" QUICK "-o one"), 1,
           "holds another study: \"samples\" is 2 there, and 3 here");
    expect(program(here.folder, "study timesteps --samples 2" QUICK "-o one"), 1, "or force");
    expect(program(here.folder, "study samples --prompt x --samples 2" QUICK "-o one"), 1,
           "\"prompt\" is not given there, and \"x\" here");
    assert_true(scratch_holds(&here, "one/settings.json", "\"samples\": 2"));
    expect(program(here.folder, "study samples --samples 3 --force" QUICK "-o one"), 0, NULL);
    assert_true(scratch_holds(&here, "one/settings.json", "\"samples\": 3"));
    scratch_folder(&here, "mine");
    scratch_write(&here, "mine/settings.json", "{\"colour\": \"red\"}", 17);
    expect(program(here.folder, "study samples --samples 2" QUICK "-o mine"), 1, "or force");
    assert_true(scratch_holds(&here, "mine/settings.json", "red"));
    assert_int_equal(scratch_count(&here), 2);
}

/* What cannot be run leaves nothing. */
static void test_litter(void **state)
{
    static const char *const lines[][2] = {
        {"--model none -o a/b", "no such model"},
        {"--model " FACES " --tap nowhere -o a", "nowhere"},
        {"--model " FACES " -k 3000 -o a", "rank 3000"},
        {"--model " FACES " none.jpg none.png -o a", "none.jpg"},
        {"--model " FACES " text.png text.png -o a", "text.png"},
        {"--model " FACES " --catalogue text.png -o a", "not a database"},
        {"--model " FACES " --catalogue no/where.sqlite -o a", "no/where.sqlite"},
        {"--model " FACES " --class 3 --edit-prompt x -o a", "takes no"},
    };

    (void)state;
    scratch_write(&here, "text.png", "nothing of the kind", 19);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        expect(program(here.folder, "study samples --steps 8 --timesteps 2 %s", lines[i][0]), 1,
               lines[i][1]);
        if (scratch_count(&here) != 1)
            fail_msg("%s: something is left", lines[i][0]);
    }
    expect(program(here.folder, "study models -m " FACES " -m " FACES " --samples 2 -o a"), 1,
           "the same model");
    assert_int_equal(scratch_count(&here), 1);
}

/* Runs and status count the same, each item once. */
static void test_status(void **state)
{
    json_t *all, *object;

    (void)state;
    expect(program(here.folder, "study status ."), 1, "no study has been begun");
    for (int again = 0; again < 2; again++) {
        assert_int_equal(
            number_of(program(here.folder, "study timesteps --json --samples 2" QUICK "-o one"),
                      "items"),
            6);
        all = object_of(program(here.folder, "study status --json one"));
        object = json_array_get(json_object_get(all, "studies"), 0);
        assert_int_equal(json_integer_value(json_object_get(object, "items")), 6);
        assert_int_equal(json_integer_value(json_object_get(object, "done")), 6);
        json_decref(all);
    }
    assert_non_null(strstr(program(here.folder, "study status one")->out, "all 6 items done"));
    /* One image three times: two bases. */
    assert_int_equal(
        number_of(program(here.folder, "study samples --json --crop none %s %s %s" QUICK "-o two",
                          PB_SOURCE_DIR "/examples/portrait.png",
                          PB_SOURCE_DIR "/examples/portrait.png",
                          PB_SOURCE_DIR "/examples/portrait.png"),
                  "items"),
        2);
    assert_non_null(strstr(program(here.folder, "study status two")->out, "all 2 items done"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_words), SCRATCH_TEST(test_report), SCRATCH_TEST(test_pictures),
        SCRATCH_TEST(test_other), SCRATCH_TEST(test_litter), SCRATCH_TEST(test_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
