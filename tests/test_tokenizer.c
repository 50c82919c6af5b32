/* The tokenizer against Hugging Face's, and hostile files. */
#include <string.h>

#include "base/memory.h"
#include "golden.h"
#include "io/file.h"
#include "io/json.h"
#include "scratch.h"
#include "text/tokenizer.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

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

/* -- tokens that were added, in each of the files that may say so -------------------------------
 */

static void write_json(const scratch *s, const char *name, json_t *value)
{
    char *text = json_dumps(value, 0);

    assert_non_null(text);
    scratch_write(s, name, text, strlen(text));
    free(text);
    json_decref(value);
}

/* added_tokens.json has the tokens that the vocabulary has not. */
static json_t *as_added(const json_t *decoder)
{
    json_t *result = json_object(), *value;
    const char *key;

    json_object_foreach((json_t *)decoder, key, value)
    {
        if (atoi(key) >= 49408)
            json_object_set_new(result, json_string_value(json_object_get(value, "content")),
                                json_integer(atoi(key)));
    }
    return result;
}

/* tokenizer.json, with merges as pairs. */
static json_t *as_fast(const json_t *decoder)
{
    json_t *added = json_array(), *merges = json_array(), *value;
    json_t *vocabulary = json_load_file(GOLDEN "sd1-tiny/tokenizer/vocab.json", 0, NULL);
    FILE *file = fopen(GOLDEN "sd1-tiny/tokenizer/merges.txt", "r");
    char line[512], a[256], b[256];
    const char *key;

    assert_true(vocabulary && file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "#version", 8) && sscanf(line, "%255s %255s", a, b) == 2)
            json_array_append_new(merges, json_pack("[s, s]", a, b));
    fclose(file);
    json_object_foreach((json_t *)decoder, key, value)
    {
        json_t *item = json_copy(value);
        json_object_set_new(item, "id", json_integer(atoi(key)));
        json_array_append_new(added, item);
    }
    return json_pack("{s:o, s:{s:s, s:o, s:o}}", "added_tokens", added, "model",
                     "end_of_word_suffix", "</w>", "vocab", vocabulary, "merges", merges);
}

static void link_file(const scratch *s, const char *name)
{
    char path[256];

    snprintf(path, sizeof path, GOLDEN "sd1-tiny/tokenizer/%s", name);
    assert_int_equal(symlink(path, scratch_path(s, name).text), 0);
}

static void check_folder(const scratch *s, const json_t *prompts)
{
    pb_tokenizer *t;

    MUST(pb_tokenizer_open(&t, s->folder, error));
    assert_int_equal(pb_tokenizer_size(t), 49411);
    assert_string_equal(pb_tokenizer_piece(t, 49408), "<cat-toy>");
    check_list(t, prompts);
    pb_tokenizer_free(t);
}

static void test_added(void **state)
{
    json_t *golden_file = json_load_file(GOLDEN "tokens-added.json", 0, NULL);
    json_t *decoder = json_object_get(golden_file, "added_tokens_decoder");
    const json_t *prompts = json_object_get(golden_file, "prompts");

    (void)state;
    assert_non_null(decoder);
    for (int kind = 0; kind < 3; kind++) {
        scratch s;
        scratch_open(&s);
        if (kind < 2) {
            link_file(&s, "vocab.json");
            link_file(&s, "merges.txt");
        }
        if (kind == 0)
            write_json(&s, "tokenizer_config.json",
                       json_pack("{s:O}", "added_tokens_decoder", decoder));
        else if (kind == 1) {
            write_json(&s, "added_tokens.json", as_added(decoder));
            /* What Hugging Face writes for "no limit". */
            const char *text = "{\"model_max_length\": 1000000000000000019884624838656, "
                               "\"additional_special_tokens\": [{\"content\": \"<Style>\", "
                               "\"normalized\": false}, \"SKS-special\"]}";
            scratch_write(&s, "tokenizer_config.json", text, strlen(text));
        } else
            write_json(&s, "tokenizer.json", as_fast(decoder));
        if (kind == 1) { /* without "normalized" SKS-special is looked for as it is written */
            pb_tokenizer *t;
            uint32_t ids[8];
            size_t used;
            MUST(pb_tokenizer_open(&t, s.folder, error));
            assert_true(pb_tokenizer_length(t) == SIZE_MAX);
            MUST(pb_tokenizer_encode(t, "<CAT-TOY> <Style> SKS-special", 8, ids, &used, NULL,
                                     error));
            assert_int_equal(used, 5);
            for (uint32_t i = 0; i < 3; i++)
                assert_int_equal(ids[1 + i], 49408 + i);
            pb_tokenizer_free(t);
        } else
            check_folder(&s, prompts);
        scratch_close(&s);
    }
    json_decref(golden_file);
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
        {"{\"ab\": 0, \"a\": 1}", "a b\n", NULL, "line 1: \"a b\": not in vocabulary"},
        {"{\"<|startoftext|>\": 0}", "a\n", NULL, "line 1: expected two tokens"},
        {"{\"<|startoftext|>\": 0}", "a b c\n", NULL, "line 1: expected two tokens"},
        {"{\"<|startoftext|>\": 0, \"<|endoftext|>\": 1}", "#version", "{\"pad_token\": 3}",
         "pad_token: expected a token, found 3"},
        {"{\"<|startoftext|>\": 0, \"<|endoftext|>\": 1}", "#version", "{\"pad_token\": \"\"}",
         "pad_token: expected a token, found \"\""},
        {"{\"<|startoftext|>\": 0, \"<|endoftext|>\": 1}", "#version",
         "{\"added_tokens_decoder\": {\"two\": {\"content\": \"x\"}}}",
         "expected a number, found \"two\""},
        {"{\"<|startoftext|>\": 0, \"<|endoftext|>\": 1}", "#version",
         "{\"added_tokens_decoder\": {\"2\": {\"content\": 7}}}", "expected a token, found 7"},
        {"{\"<|startoftext|>\": 1, \"<|endoftext|>\": 2}", "#version",
         "{\"added_tokens_decoder\": {\"9\": {\"content\": \"x\"}}}", "have the same number 2"},
        {"{\"<|startoftext|>\": 0, \"<|endoftext|>\": 1}", "#version",
         "{\"image_token\": {\"__type\": \"AddedToken\"}}", "image_token: expected a token"},
        {"{\"<|startoftext|>\": 0, \"<|endoftext|>\": 1}", "#version",
         "{\"extra_special_tokens\": {\"image_token\": null}}", "image_token: expected a token"},
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

/* What comes with the program is CLIP's: by their hashes, the files that clip_vocabulary.py has
 * compared with the original's. */
static void test_bundled(void **state)
{
    static const struct {
        const char *name, *hash;
    } files[] = {
        {"clip/merges.txt", "9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a"},
        {"clip/vocab.json", "3f0c4f7d2086b61b38487075278ea9ed04edb53a03cbb045b86c27190fa8fb69"},
        {"openclip/merges.txt", "9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a"},
        {"openclip/vocab.json", "3f0c4f7d2086b61b38487075278ea9ed04edb53a03cbb045b86c27190fa8fb69"},
    };
    const scratch tokenizers = {PB_SOURCE_DIR "/tokenizers"};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t size;
        unsigned char *bytes = scratch_read(&tokenizers, files[i].name, &size);
        char digest[65];

        pb_sha256(bytes, size, digest);
        assert_string_equal(digest, files[i].hash);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_added),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_bundled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
