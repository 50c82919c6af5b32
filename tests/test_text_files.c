/* Folders of a tokenizer and of a text encoder whose files disagree, leave things out or say null,
 * and tokens that stand for several vectors, against transformers and diffusers. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "golden.h"
#include "models/weights_files.h"
#include "scratch.h"
#include "text/tokenizer.h"

#include <jansson.h>

/* What is refused, and why: what those fail on too, and what is not followed. */
static const struct {
    const char *name, *message;
} refused[] = {
    {"pad null in config", "tokenizer_config.json: pad_token: expected a token, found null"},
    {"pad null in map", "special_tokens_map.json: pad_token: expected a token, found null"},
    {"bos null", "tokenizer_config.json: bos_token: expected a token, found null"},
    {"eos null", "eos_token: expected a token, found null"},
    {"additional a text", "additional_special_tokens: expected a list of tokens, found \"<x>\""},
    {"decoder null", "added_tokens_decoder: expected an object, found null"},
    {"normalized null", "\"<A>\": normalized: expected true or false, found null"},
    {"content null", "an added token: expected a token, found null"},
    {"strings in decoder", "added_tokens_decoder: expected an object, found \"<a>\""},
    {"a merge of no vocabulary's tokens", "merges.txt: line 2: \"x y\": not in vocabulary"},
    {"length a text", "model_max_length: expected a whole number of at least 2, found \"12\""},
    {"length a fraction", "found 5.5"},
    {"length a whole real", "found 5"},
    {"length 1", "found 1"},
    {"length 0", "found 0"},
    {"length true", "found true"},
    {"padding_side", "tokenizer_config.json: padding_side: expected \"right\", found \"left\""},
    {"padding_side null", "padding_side: expected \"right\", found null"},
    {"padding_side of map", "special_tokens_map.json: padding_side: expected \"right\""},
    {"padding_side of tokenizer.json", "tokenizer.json: padding: direction: expected \"Right\""},
    {"truncation_side", "truncation_side: expected \"right\", found \"left\""},
    {"truncation_side null", "truncation_side: expected \"right\", found null"},
    {"truncation_side of tokenizer.json", "tokenizer.json: truncation: direction: expected"},
    {"split_special_tokens", "split_special_tokens: expected false, found true"},
    {"split_special_tokens null", "split_special_tokens: expected false, found null"},
    {"another vocabulary in config", "tokenizer_config.json: vocab is not supported"},
    {"fast_tokenizer_files", "fast_tokenizer_files is not supported"},
    {"suffix null in tokenizer.json", "not a tokenizer of CLIP's kind"},
};

/* Without a length transformers pads to 10^30 tokens, and fails; here to what the text encoder
 * takes. */
static const char *const any_length[] = {"no tokenizer_config.json", "length null"};

static const char *refusal(const char *name)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (!strcmp(refused[i].name, name))
            return refused[i].message;
    return NULL;
}

/* The value with its parts in place: "@vocab" is the part of that name. A new reference. */
static json_t *resolve(const json_t *value, const json_t *parts)
{
    const char *text = json_string_value(value), *key;
    json_t *result = NULL, *item;
    size_t i;

    if (text && *text == '@')
        return json_incref(json_object_get(parts, text + 1));
    if (json_is_object(value)) {
        result = json_object();
        json_object_foreach((json_t *)value, key, item)
        {
            json_object_set_new(result, key, resolve(item, parts));
        }
    } else if (json_is_array(value)) {
        result = json_array();
        json_array_foreach(value, i, item)
        {
            json_array_append_new(result, resolve(item, parts));
        }
    }
    return result ? result : json_incref((json_t *)value);
}

static void write_files(const scratch *s, const json_t *files, const json_t *parts)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)files, name, value)
    {
        json_t *content = resolve(value, parts);
        char *text = json_is_string(content) ? NULL : json_dumps(content, 0);
        const char *bytes = text ? text : json_string_value(content);
        assert_non_null(bytes);
        scratch_write(s, name, bytes, strlen(bytes));
        free(text);
        json_decref(content);
    }
}

/* One prompt as a pipeline encodes it. */
static void check_prompt(const pb_tokenizer *t, const char *name, const json_t *item)
{
    const char *prompt = json_string_value(json_object_get(item, "prompt"));
    const json_t *expected = json_object_get(item, "ids");
    size_t length = json_array_size(expected), used;
    uint32_t ids[32];
    char *written;

    assert_in_range(length, 2, 32);
    if (pb_tokenizer_length(t) != length)
        fail_msg("%s: a length of %zu, expected %zu", name, pb_tokenizer_length(t), length);
    MUST(pb_tokenizer_write_out(t, &written, prompt, error));
    MUST(pb_tokenizer_encode(t, written ? written : prompt, length, ids, &used, NULL, error));
    pb_free(written);
    for (size_t i = 0; i < length; i++)
        if (ids[i] != json_integer_value(json_array_get(expected, i)))
            fail_msg("%s: \"%s\": token %zu is %u, expected %d", name, prompt, i, ids[i],
                     (int)json_integer_value(json_array_get(expected, i)));
}

static void check_case(const json_t *golden_case, const json_t *parts)
{
    const char *name = json_string_value(json_object_get(golden_case, "name"));
    const char *message = refusal(name);
    pb_tokenizer *t = NULL;
    pb_error error = {.message = ""};
    json_t *item;
    scratch s;
    size_t i;

    scratch_open(&s);
    write_files(&s, json_object_get(golden_case, "files"), parts);
    if (pb_tokenizer_open(&t, s.folder, &error) != PB_OK) {
        if (!message || !strstr(error.message, message))
            fail_msg("%s: expected \"%s\", found \"%s\"", name, message ? message : "no error",
                     error.message);
    } else if (message)
        fail_msg("%s: not refused", name);
    else if (json_object_get(golden_case, "fails")) {
        if (strcmp(name, any_length[0]) && strcmp(name, any_length[1]))
            fail_msg("%s: not refused, but transformers fails", name);
        assert_true(pb_tokenizer_length(t) == SIZE_MAX);
    } else
        json_array_foreach(json_object_get(golden_case, "prompts"), i, item)
        {
            check_prompt(t, name, item);
        }
    pb_tokenizer_free(t);
    scratch_close(&s);
}

static void test_tokenizers(void **state)
{
    json_t *file = json_load_file(GOLDEN "tokenizer-files.json", 0, NULL), *item;
    const json_t *cases = json_object_get(file, "cases");
    size_t i;

    (void)state;
    assert_true(json_array_size(cases) > 100);
    json_array_foreach(cases, i, item)
    {
        check_case(item, json_object_get(file, "parts"));
    }
    json_decref(file);
}

/* Which of the weights beside each other is taken: not as for diffusers' own models. */
static void test_encoders(void **state)
{
    json_t *cases = json_load_file(GOLDEN "text-encoder-files.json", 0, NULL), *item, *name;
    size_t i, k;

    (void)state;
    assert_int_equal(json_array_size(cases), 15);
    json_array_foreach(cases, i, item)
    {
        const char *taken = json_string_value(json_object_get(item, "taken"));
        char *found;
        scratch s;

        scratch_open(&s);
        json_array_foreach(json_object_get(item, "files"), k, name)
        {
            scratch_write(&s, json_string_value(name), "-", 1);
        }
        MUST(pb_weights_locate(&found, NULL, s.folder, PB_TRANSFORMERS, error));
        assert_string_equal(strrchr(found, '/') + 1, taken);
        pb_free(found);
        scratch_close(&s);
    }
    json_decref(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokenizers),
        cmocka_unit_test(test_encoders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
