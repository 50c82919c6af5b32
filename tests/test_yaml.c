/* YAML files: what their words are in JSON, their limits, and what is no such file. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "golden.h"
#include "io/yaml.h"
#include "scratch.h"

static void expect_refused(pb_status status, const char *message)
{
    pb_error why = {0};
    json_t *value;

    if (pb_yaml_read(&value, scratch_path(&here, "m.yaml").text, &why) == PB_OK)
        fail_msg("expected \"%s\", found a value", message);
    assert_null(value);
    if (why.status != status || !strstr(why.message, message))
        fail_msg("expected %d, \"%s\", found %d, \"%s\"", status, message, why.status, why.message);
}

static void refuse(const char *text, const char *message)
{
    scratch_write(&here, "m.yaml", text, strlen(text));
    expect_refused(PB_FORMAT, message);
}

/* Plain words as PyYAML takes them: those of digits behind 0 are octal, where they may be. */
static void test_words(void **state)
{
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"a: 12", "12"},
        {"a: -12", "-12"},
        {"a: 0", "0"},
        {"a: -0", "0"},
        {"a: 010", "8"},
        {"a: -017", "-15"},
        {"a: 00", "0"},
        {"a: 08", "\"08\""},
        {"a: 01.5", "1.5"},
        {"a: 1e-4", "0.0001"},
        {"a: 0x10", "\"0x10\""},
        {"a: '12'", "\"12\""},
        {"a: yes", "true"},
        {"a: Off", "false"},
        {"a: ~", "null"},
        {"a:", "null"},
        {"a: .inf", "\".inf\""},
        {"a: nan", "\"nan\""},
        {"a: [1, x]", "[1,\"x\"]"},
        {"a: {b: 1}", "{\"b\":1}"},
        {"b: &x 3\na: *x", "3"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *found, *expected = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
        scratch_write(&here, "m.yaml", cases[i].yaml, strlen(cases[i].yaml));
        MUST(pb_yaml_read(&found, scratch_path(&here, "m.yaml").text, error));
        if (!json_equal(json_object_get(found, "a"), expected))
            fail_msg("%s: expected %s", cases[i].yaml, cases[i].json);
        json_decref(found);
        json_decref(expected);
    }
}

/* Many times the same text behind "a: ". */
static void refuse_many(const char *text, size_t count, const char *message)
{
    const size_t length = strlen(text);
    char *all = malloc(3 + count * length + 1);

    assert_non_null(all);
    strcpy(all, "a: ");
    for (size_t i = 0; i < count; i++)
        memcpy(all + 3 + i * length, text, length + 1);
    refuse(all, message);
    free(all);
}

/* What libyaml takes the square of their number for is refused before it does. */
static void test_limits(void **state)
{
    (void)state;
    refuse_many("[", 300000, "line 1: expected values at most 32 deep in others");
    refuse_many("{a: ", 100000, "line 1: expected values at most 32 deep in others");
    refuse_many("\n- &a 1", 1025, "line 1026: expected at most 1024 anchors");
    refuse_many("\n- &a []", 1025, "line 1026: expected at most 1024 anchors");
    refuse_many("[],", (1 << 20) / 3, "expected at most 1048576 bytes");
}

static void test_files(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(scratch_path(&here, "m.yaml").text, 0600), 0);
    expect_refused(PB_IO, "expected a regular file");
    remove(scratch_path(&here, "m.yaml").text);
    scratch_folder(&here, "m.yaml");
    expect_refused(PB_IO, "expected a file, found a folder");
    remove(scratch_path(&here, "m.yaml").text);
    expect_refused(PB_IO, "cannot open");
    refuse("", "the file is empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_words),
        SCRATCH_TEST(test_limits),
        SCRATCH_TEST(test_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
