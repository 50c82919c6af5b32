/* The tokenizer against Hugging Face's, and hostile files. */
#include <string.h>

#include "base/memory.h"
#include "golden.h"
#include "io/json.h"
#include "scratch.h"
#include "text/tokenizer.h"

#include <jansson.h>

#define LENGTH 77

/* Encodes the prompts of a list of {"prompt", "ids"}; ids may end before the padding. */
static void check_list(const pb_tokenizer *t, const json_t *list)
{
    const json_t *item;
    size_t i;

    assert_true(json_array_size(list) > 0);
    json_array_foreach(list, i, item)
    {
        const char *prompt = json_string_value(json_object_get(item, "prompt"));
        const json_t *expected = json_object_get(item, "ids");
        uint32_t ids[LENGTH];
        size_t used;

        MUST(pb_tokenizer_encode(t, prompt, LENGTH, ids, &used, NULL, error));
        if (used > json_array_size(expected))
            fail_msg("\"%s\": %zu tokens, expected %zu", prompt, used, json_array_size(expected));
        for (size_t k = 0; k < json_array_size(expected); k++)
            if (ids[k] != json_integer_value(json_array_get(expected, k)))
                fail_msg("\"%s\": token %zu is %u, expected %d", prompt, k, ids[k],
                         (int)json_integer_value(json_array_get(expected, k)));
    }
}

/* Files are read as UTF-8 text that may hold NUL and lone surrogates nowhere. */
static void test_golden(void **state)
{
    static const char *const names[] = {"sd1-tiny", "sd2-tiny"};
    json_error_t where;
    json_t *more = json_load_file(GOLDEN "tokens.json", 0, &where);

    (void)state;
    assert_non_null(more);
    for (size_t i = 0; i < 2; i++) {
        char folder[256], path[256];
        pb_tokenizer *t;
        json_t *list;

        snprintf(folder, sizeof folder, GOLDEN "%s/tokenizer", names[i]);
        snprintf(path, sizeof path, GOLDEN "%s/tokens.json", names[i]);
        list = json_load_file(path, 0, &where);
        assert_non_null(list);
        MUST(pb_tokenizer_open(&t, folder, error));
        assert_int_equal(pb_tokenizer_size(t), 49408);
        assert_int_equal(pb_tokenizer_length(t), LENGTH);
        check_list(t, list);
        check_list(t, json_object_get(more, names[i]));
        pb_tokenizer_free(t);
        json_decref(list);
    }
    json_decref(more);
}

static void test_cut(void **state)
{
    uint32_t ids[5];
    size_t used;
    pb_tokenizer *t;
    pb_error refused;
    char *rest;

    (void)state;
    MUST(pb_tokenizer_open(&t, GOLDEN "sd1-tiny/tokenizer", error));
    MUST(pb_tokenizer_encode(t, "A photo of a  smiling Woman", 5, ids, &used, &rest, error));
    assert_int_equal(used, 5);
    assert_int_equal(ids[4], 49407);
    assert_string_equal(rest, "a smiling woman");
    pb_free(rest);
    MUST(pb_tokenizer_encode(t, "a photo of", 5, ids, &used, &rest, error));
    assert_null(rest);
    assert_string_equal(pb_tokenizer_piece(t, ids[2]), "photo</w>");
    assert_null(pb_tokenizer_piece(t, 49408));
    assert_int_equal(pb_tokenizer_encode(t, "\xff", 5, ids, &used, &rest, &refused), PB_INVALID);
    pb_tokenizer_free(t);
}

static void test_hostile(void **state)
{
    static const struct {
        const char *vocabulary, *merges, *config, *message;
    } cases[] = {
        {"{\"a\": 0, \"a</w>\": 0}", "", NULL, "the same number 0"},
        {"{\"a\": -1}", "", NULL, "expected a number from 0"},
        {"{\"a\": 1e3}", "", NULL, "expected a number from 0"},
        {"{\"a\": 99999999999}", "", NULL, "expected a number from 0"},
        {"[]", "", NULL, "expected a JSON object"},
        {"{\"<|startoftext|>\": 0}", "#v\n", NULL, "line 1: expected two tokens"},
        {"{\"<|startoftext|>\": 0}", "#version: 0.2\na b\n", NULL, "line 2: \"a b\": not in vocab"},
        {"{\"<|startoftext|>\": 0}", "a\n", NULL, "line 1: expected two tokens"},
        {"{\"<|startoftext|>\": 0}", "a b c\n", NULL, "line 1: expected two tokens"},
        {"{\"<|startoftext|>\": 0}", "#version", NULL, "\"<|endoftext|>\" is missing"},
        {"{\"<|startoftext|>\": 0, \"<|endoftext|>\": 1}", "#version", "{\"pad_token\": 3}",
         "pad_token: expected a token, found 3"},
        {"{\"<|startoftext|>\": 0, \"<|endoftext|>\": 1}", "#version", "{\"pad_token\": \"x\"}",
         "\"x\" is missing"},
    };
    pb_error error;
    scratch s;

    (void)state;
    scratch_open(&s);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pb_tokenizer *t = NULL;
        scratch_write(&s, "vocab.json", cases[i].vocabulary, strlen(cases[i].vocabulary));
        scratch_write(&s, "merges.txt", *cases[i].merges ? cases[i].merges : "\n",
                      *cases[i].merges ? strlen(cases[i].merges) : 1);
        if (cases[i].config)
            scratch_write(&s, "tokenizer_config.json", cases[i].config, strlen(cases[i].config));
        assert_int_equal(pb_tokenizer_open(&t, s.folder, &error), PB_FORMAT);
        if (!strstr(error.message, cases[i].message))
            fail_msg("expected \"%s\", found \"%s\"", cases[i].message, error.message);
    }
    scratch_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
