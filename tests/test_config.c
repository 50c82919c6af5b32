/* Configurations: fields, first errors, fields nobody asked for, and hostile JSON. */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "inject.h"
#include "io/config.h"
#include "scratch.h"

static pb_status open_bytes(pb_config **config, const void *bytes, size_t size, pb_error *error)
{
    scratch_write(&here, "c.json", bytes, size);
    return pb_config_open(config, scratch_path(&here, "c.json").text, error);
}

static pb_config *open_text(const char *text)
{
    pb_config *config;
    pb_error error = {.message = ""};

    if (open_bytes(&config, text, strlen(text), &error))
        fail_msg("%s", error.message);
    return config;
}

/* Closes; the message must be "PATH: <expected>". */
static void close_with(pb_config *config, pb_status status, const char *expected)
{
    pb_error error = {.message = ""};
    char full[2 * SCRATCH_PATH + 200];

    snprintf(full, sizeof full, "%s: %s", scratch_path(&here, "c.json").text, expected);
    assert_int_equal(pb_config_close(config, &error), status);
    assert_int_equal(error.status, status);
    assert_string_equal(error.message, full);
}

static void test_values(void **state)
{
    pb_config *c = open_text("{\"i\": -3, \"r\": 2.0, \"n\": 0.5, \"whole\": 7, \"b\": true, "
                             "\"s\": \"caf\\u00e9\", \"none\": null, \"off\": null, \"_name\": 1, "
                             "\"is\": [1, 2.0, 3], \"one\": 4, \"ss\": [\"a\", \"b\"], "
                             "\"ns\": [0.5, 1, 1e-50], \"no\": [], \"other\": {\"x\": 1}}");
    const char *strings[3];
    long values[3];
    float *numbers;

    (void)state;
    assert_string_equal(pb_config_path(c), scratch_path(&here, "c.json").text);
    assert_int_equal(pb_config_integer(c, "i", 0, -3, 3), -3);
    assert_int_equal(pb_config_integer(c, "r", 0, 0, 3), 2);
    assert_int_equal(pb_config_integer(c, "absent", 11, 0, 3), 11);
    assert_true(pb_config_is_null(c, "none"));
    pb_config_nullable(c, "none");
    assert_true(pb_config_is_null(c, "none"));
    assert_int_equal(pb_config_integer(c, "none", 12, 0, 3), 12);
    assert_true(pb_config_number(c, "n", 0, 0, 1) == 0.5);
    assert_true(pb_config_number(c, "whole", 0, -INFINITY, INFINITY) == 7);
    assert_true(pb_config_number(c, "absent", 0.25, 0, 1) == 0.25);
    assert_true(pb_config_boolean(c, "b", false));
    assert_true(pb_config_boolean(c, "absent", true));
    assert_false(pb_config_boolean(c, "off", true)); /* as None is */
    assert_true(pb_config_has(c, "off"));
    assert_false(pb_config_is_set(c, "off"));
    assert_string_equal(pb_config_string(c, "s", NULL), "caf\xC3\xA9");
    assert_null(pb_config_string(c, "none", NULL));
    assert_int_equal(pb_config_integers(c, "is", 3, values, 0, 9), 3);
    assert_int_equal(values[0] + 10 * values[1] + 100 * values[2], 321);
    assert_int_equal(pb_config_integers(c, "one", 3, values, 0, 9), 1);
    assert_int_equal(values[0], 4);
    assert_int_equal(pb_config_integers(c, "absent", 3, values, 0, 9), 0);
    assert_int_equal(pb_config_strings(c, "ss", 3, strings), 2);
    assert_string_equal(strings[1], "b");
    assert_int_equal(pb_config_numbers(c, "ns", SIZE_MAX, &numbers), 3);
    assert_true(numbers[0] == 0.5f && numbers[1] == 1 && numbers[2] == 0);
    pb_free(numbers);
    assert_int_equal(pb_config_numbers(c, "no", 3, &numbers), 0);
    assert_null(numbers);
    assert_true(pb_config_is_list(c, "is"));
    assert_false(pb_config_is_list(c, "one"));
    assert_false(pb_config_is_list(c, "absent"));
    assert_true(pb_config_has(c, "one"));
    assert_false(pb_config_has(c, "none"));
    assert_false(pb_config_has(c, "absent"));
    pb_config_ignore(c, "other");
    assert_int_equal(pb_config_status(c, NULL), PB_OK);
    assert_int_equal(pb_config_close(c, NULL), PB_OK);
}

static void test_wrong(void **state)
{
    static const char text[] =
        "{\"two\": \"two\", \"big\": 17, \"half\": 2.5, \"list\": [1, 2, 3], \"mixed\": [1, true], "
        "\"object\": {}, \"real\": 1e300, \"long\": \"0123456789012345678901234567890123456789"
        "01234567890123456789012345678901234567890123456789\", \"yes\": 1}";
    static const struct {
        char type;
        const char *key, *expected;
    } cases[] = {
        {'i', "two", "two: expected an integer from 1 to 16, found \"two\""},
        {'i', "big", "big: expected an integer from 1 to 16, found 17"},
        {'i', "half", "half: expected an integer from 1 to 16, found 2.5"},
        {'i', "real", "real: expected an integer from 1 to 16, found 1.0000000000000001e+300"},
        {'i', "list", "list: expected an integer from 1 to 16, found a list of 3"},
        {'i', "long",
         "long: expected an integer from 1 to 16, found \"0123456789012345678901234567890123456789"
         "0123456789012345678901234567890123456789...\""},
        {'n', "two", "two: expected a number from 0 to 1, found \"two\""},
        {'n', "big", "big: expected a number from 0 to 1, found 17"},
        {'n', "object", "object: expected a number from 0 to 1, found an object"},
        {'b', "yes", "yes: expected true or false, found 1"},
        {'s', "big", "big: expected a string, found 17"},
        {'I', "list", "list: expected a list of at most 2 integers, found a list of 3"},
        {'I', "two", "two: expected a list of at most 2 integers, found \"two\""},
        {'I', "mixed", "mixed: item 1: expected an integer from 1 to 16, found true"},
        {'I', "big", "big: expected an integer from 1 to 16, found 17"},
        {'S', "mixed", "mixed: item 0: expected a string, found 1"},
        {'S', "two", "two: expected a list of at most 2 strings, found \"two\""},
        {'N', "mixed",
         "mixed: item 1: expected a number from -3.40282e+38 to 3.40282e+38, found true"},
        {'N', "list", "list: expected a list of at most 2 numbers, found a list of 3"},
    };

    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        pb_config *c = open_text(text);
        const char *key = cases[k].key, *strings[2] = {NULL, NULL};
        long values[2] = {0, 0};
        float *numbers;

        switch (cases[k].type) {
        case 'i':
            assert_int_equal(pb_config_integer(c, key, 5, 1, 16), 5);
            break;
        case 'n':
            assert_true(pb_config_number(c, key, 0.5, 0, 1) == 0.5);
            break;
        case 'b':
            assert_false(pb_config_boolean(c, key, false));
            break;
        case 's':
            assert_string_equal(pb_config_string(c, key, "x"), "x");
            break;
        case 'I':
            assert_int_equal(pb_config_integers(c, key, 2, values, 1, 16), 0);
            break;
        case 'S':
            assert_int_equal(pb_config_strings(c, key, 2, strings), 0);
            break;
        case 'N':
            assert_int_equal(pb_config_numbers(c, key, 2, &numbers), 0);
            assert_null(numbers);
            break;
        }
        /* The first error stays, and what is asked after it has its fallback. */
        assert_int_equal(pb_config_integer(c, "yes", 5, 1, 16), 5);
        pb_config_fail(c, PB_INVALID, "yes", "too late");
        assert_int_equal(pb_config_status(c, NULL), PB_FORMAT);
        close_with(c, PB_FORMAT, cases[k].expected);
    }
}

static void test_ranges(void **state)
{
    pb_config *c;

    (void)state;
    c = open_text("{\"a\": -1}");
    pb_config_integer(c, "a", 5, 0, LONG_MAX);
    close_with(c, PB_FORMAT, "a: expected an integer of at least 0, found -1");
    c = open_text("{\"a\": 9223372036854775807}");
    assert_true(pb_config_integer(c, "a", 5, LONG_MIN, LONG_MAX) == LONG_MAX);
    assert_int_equal(pb_config_close(c, NULL), PB_OK);
    c = open_text("{\"a\": 9223372036854775808.0}");
    pb_config_integer(c, "a", 5, LONG_MIN, LONG_MAX);
    close_with(c, PB_FORMAT, "a: expected an integer, found 9.2233720368547758e+18");
    c = open_text("{\"a\": -1}");
    pb_config_number(c, "a", 5, 0, INFINITY);
    close_with(c, PB_FORMAT, "a: expected a number of at least 0, found -1");
}

static void test_unasked(void **state)
{
    pb_config *c = open_text("{\"a\": 1, \"_class\": \"x\", \"b\": 0, \"c\": {\"d\": 1}}");
    char text[20000] = "{";
    pb_error error;

    (void)state;
    assert_int_equal(pb_config_integer(c, "a", 0, 0, 9), 1);
    close_with(c, PB_UNSUPPORTED, "fields not understood: \"b\", \"c\"");
    /* What is None changes nothing, whatever it is. */
    c = open_text("{\"a\": null}");
    assert_int_equal(pb_config_close(c, NULL), PB_OK);
    c = open_text("{\"a\": 1}");
    close_with(c, PB_UNSUPPORTED, "field not understood: \"a\"");
    c = open_text("{\"a\": 1}");
    pb_config_free(c);

    for (int i = 0; i < 500; i++)
        snprintf(text + strlen(text), 40, "%s\"field number %d\": 0", i ? ", " : "", i);
    strcat(text, "}");
    c = open_text(text);
    assert_int_equal(pb_config_close(c, &error), PB_UNSUPPORTED);
    assert_non_null(strstr(error.message, "\"field number 0\", \"field number 1\""));
    assert_string_equal(error.message + strlen(error.message) - 5, " more");
}

static void test_own_error(void **state)
{
    pb_config *c = open_text("{\"a\": 1}");

    (void)state;
    pb_config_fail(c, PB_UNSUPPORTED, "a", "expected %d, found %s", 2, "one");
    close_with(c, PB_UNSUPPORTED, "a: expected 2, found one");
}

static void test_hostile(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *piece;
    } files[] = {
#define BYTES(text) text, sizeof text - 1
        {BYTES(""), "empty"},
        {BYTES(" \n "), "line 2, column"},
        {BYTES("{\n  \"a\": 1,\n  \"a\": 2\n}"), "line 3, column"},
        {BYTES("{\"a\": 1, \"\\u0061\": 2}"), "duplicate object key"},
        {BYTES("{\"a\": 1"), "expected near end of file"},
        {BYTES("{\"a\": 1} x"), "end of file expected"},
        {BYTES("{\"a\": 1,}"), "line 1"},
        {BYTES("{\"a\": 0x10}"), "line 1"},
        {BYTES("{\"a\": NaN}"), "line 1"},
        {BYTES("{\"a\": 1e999}"), "real number overflow"},
        {BYTES("{\"a\": 99999999999999999999}"), "too big integer"},
        {BYTES("{\"a\": \"\xFF\"}"), "unable to decode byte 0xff"},
        {BYTES("{\"a\": \"\xC0\x80\"}"), "unable to decode byte 0xc0"},
        {BYTES("{\"a\": \"\\ud800\"}"), "invalid Unicode"},
        {BYTES("{\"a\": \"x\\u0000y\"}"), "NUL"},
        {BYTES("{\"a\\u0000\": 1}"), "NUL"},
        {BYTES("{\"a\": \"x\0y\"}"), "line 1"},
        {BYTES("\xEF\xBB\xBF{}"), "line 1"},
        {BYTES("[1, 2]"), "expected a JSON object, found a list of 2"},
        {BYTES("3"), "'[' or '{' expected"},
    };
    char *deep = malloc(1000000), *large = malloc((16 << 20) + 3);
    pb_config *c;
    pb_error error;

    (void)state;
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        assert_int_equal(open_bytes(&c, files[k].bytes, files[k].size, &error), PB_FORMAT);
        assert_null(c);
        assert_non_null(strstr(error.message, "c.json: "));
        if (!strstr(error.message, files[k].piece))
            fail_msg("expected \"%s\" in \"%s\"", files[k].piece, error.message);
    }
    assert_non_null(deep);
    memset(deep, '[', 1000000);
    memcpy(deep, "{\"a\":", 5);
    assert_int_equal(open_bytes(&c, deep, 1000000, &error), PB_FORMAT);
    assert_non_null(strstr(error.message, "maximum parsing depth"));
    free(deep);
    assert_non_null(large);
    memset(large, ' ', (16 << 20) + 3);
    memcpy(large, "{}", 2);
    assert_int_equal(open_bytes(&c, large, 16 << 20, &error), PB_OK);
    pb_config_free(c);
    assert_int_equal(open_bytes(&c, large, (16 << 20) + 1, &error), PB_FORMAT);
    assert_non_null(strstr(error.message, "at most 16777216 bytes, found 16777217"));
    free(large);
    assert_int_equal(pb_config_open(&c, scratch_path(&here, "none").text, &error), PB_IO);
    assert_int_equal(pb_config_open(&c, here.folder, &error), PB_IO);
}

/* -- injected failures --------------------------------------------------------------------- */

static pb_status read_all(void *context, pb_error *error)
{
    float *numbers = NULL;
    const char *strings[2];
    pb_config *c;

    (void)context;
    PB_TRY(pb_config_open(&c, scratch_path(&here, "c.json").text, error));
    pb_config_numbers(c, "ns", 9, &numbers);
    pb_config_strings(c, "ss", 2, strings);
    pb_config_integer(c, "i", 0, 0, 9);
    pb_free(numbers);
    return pb_config_close(c, error);
}

static void test_injected(void **state)
{
    static const char text[] = "{\"ns\": [1, 2.5, 3], \"ss\": [\"a\", \"b\"], \"i\": 3}";
    unsigned long ours, all;

    (void)state;
    scratch_write(&here, "c.json", text, sizeof text - 1);
    ours = inject_each(INJECT_MEMORY | INJECT_FILES, read_all, NULL, NULL, false);
    inject_json(true);
    all = inject_each(INJECT_MEMORY | INJECT_FILES, read_all, NULL, NULL, false);
    inject_json(false);
    assert_true(ours >= 7);
    assert_true(all > ours + 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_values),   SCRATCH_TEST(test_wrong),     SCRATCH_TEST(test_ranges),
        SCRATCH_TEST(test_unasked),  SCRATCH_TEST(test_own_error), SCRATCH_TEST(test_hostile),
        SCRATCH_TEST(test_injected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
