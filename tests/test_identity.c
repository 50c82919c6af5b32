/* What a model's hash and a study's keys cover: everything that can change a number. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/memory.h"
#include "golden.h"
#include "program.h"
#include "scratch.h"

#define SD1 GOLDEN "sd1-tiny"
#define DDPM GOLDEN "unet2d-ddpm"

/* The model's hash, or "" if it no longer opens. */
static void hash_of(const char *name, char hash[65])
{
    pb_model *model;

    *hash = '\0';
    if (pb_model_open(&model, scratch_path(&here, name).text, NULL) != PB_OK)
        return;
    MUST(pb_model_hash(model, hash, NULL, error));
    pb_model_free(model);
}

/* Whoever watches a hash may ask for it, and is told that it is on its way. */
static int ask(void *context, const pb_progress *progress)
{
    char hash[65];
    pb_error why;

    (void)progress;
    assert_int_equal(pb_model_hash(context, hash, NULL, &why), PB_INVALID);
    assert_non_null(strstr(why.message, "already"));
    return 1;
}

static void test_within(void **state)
{
    pb_model *model;
    pb_error why;
    char hash[65];

    (void)state;
    MUST(pb_model_open(&model, PB_SOURCE_DIR "/models/faces64-text", error));
    assert_int_equal(pb_model_hash(model, hash, &(pb_run){.monitor = ask, .context = model}, &why),
                     PB_CANCELLED);
    MUST(pb_model_hash(model, hash, NULL, error));
    assert_int_equal(strlen(hash), 64);
    pb_model_free(model);
}

/* Another value of the same kind. */
static json_t *other(const json_t *value)
{
    if (json_is_true(value) || json_is_false(value))
        return json_boolean(json_is_false(value));
    if (json_is_integer(value))
        return json_integer(json_integer_value(value) + 1);
    if (json_is_real(value))
        return json_real(json_real_value(value) * 1.5 + 0.25);
    if (json_is_string(value))
        return json_string("another");
    return json_null();
}

/* Each field of each config in turn: the hash is another, or the model is refused. */
static void test_fields(void **state)
{
    static const char *const files[] = {"p/model_index.json",
                                        "p/unet/config.json",
                                        "p/scheduler/scheduler_config.json",
                                        "p/vae/config.json",
                                        "p/text_encoder/config.json",
                                        "p/tokenizer/tokenizer_config.json",
                                        "p/tokenizer/special_tokens_map.json"};
    char first[65], found[65];
    size_t opened = 0, refused = 0;

    (void)state;
    scratch_copy(&here, SD1, "p");
    hash_of("p", first);
    assert_int_equal(strlen(first), 64);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t count;
        unsigned char *before = scratch_read(&here, files[i], &count);
        json_t *config = json_loads((const char *)before, 0, NULL), *value;
        const char *key;

        json_object_foreach(config, key, value)
        {
            json_t *changed = json_copy(config);
            char *text;
            json_object_set_new(changed, key, other(value));
            text = json_dumps(changed, 0);
            scratch_write(&here, files[i], text, strlen(text));
            hash_of("p", found);
            if (!strcmp(found, first))
                fail_msg("%s: %s changes, the hash does not", files[i], key);
            *(*found ? &opened : &refused) += 1;
            free(text);
            json_decref(changed);
        }
        scratch_write(&here, files[i], before, count);
        json_decref(config);
        free(before);
    }
    print_message("%zu fields change the hash, %zu are refused\n", opened, refused);
    assert_true(opened > 60);
    hash_of("p", found);
    assert_string_equal(found, first);
}

/* Weights, vocabularies, and which file is which; but not where the model lies. */
static void test_files(void **state)
{
    static const char *const files[] = {
        "p/unet/diffusion_pytorch_model.safetensors", "p/vae/diffusion_pytorch_model.safetensors",
        "p/text_encoder/model.safetensors", "p/tokenizer/vocab.json", "p/tokenizer/merges.txt"};
    char first[65], found[65];

    (void)state;
    scratch_copy(&here, SD1, "p");
    hash_of("p", first);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t count;
        unsigned char *bytes = scratch_read(&here, files[i], &count);
        bytes[count - 2] ^= 1;
        scratch_write(&here, files[i], bytes, count);
        hash_of("p", found);
        assert_string_not_equal(found, first);
        bytes[count - 2] ^= 1;
        scratch_write(&here, files[i], bytes, count);
        free(bytes);
    }
    hash_of("p", found);
    assert_string_equal(found, first);
    scratch_copy(&here, SD1, "elsewhere");
    scratch_write(&here, "elsewhere/pullback.json", "{\"t\": 0.4}", 10);
    hash_of("elsewhere", found);
    assert_string_equal(found, first); /* what is recommended is written into results */
    rename(scratch_path(&here, "p/tokenizer/special_tokens_map.json").text,
           scratch_path(&here, "p/tokenizer/added_tokens.json").text);
    hash_of("p", found);
    assert_string_not_equal(found, first);
}

/* What was read is what is hashed: a config that changes while the model is open. */
static void test_changed(void **state)
{
    char hash[65], *signature;
    pb_error why;
    pb_model *model;

    (void)state;
    scratch_copy(&here, SD1, "p");
    MUST(pb_model_open(&model, scratch_path(&here, "p").text, error));
    scratch_change(&here, "p/scheduler/scheduler_config.json", "{\"prediction_type\": \"sample\"}");
    assert_int_equal(pb_model_hash(model, hash, NULL, &why), PB_IO);
    assert_non_null(strstr(why.message, "have changed since it was opened"));
    assert_int_equal(pb_model_signature(model, &signature, &why), PB_IO);
    pb_model_free(model);
}

/* -- what is computed under another schedule -----------------------------------------------------
 */

/* Items computed by a study that must end well. */
static int computed(const outcome *o)
{
    json_t *object = object_of(o);
    int count = (int)json_integer_value(json_object_get(object, "computed"));

    json_decref(object);
    return count;
}

#define STUDY                                                                                      \
    "study timesteps --model m --samples 1 --timesteps 2 --rank 2 --steps 6 --json -o study"

/* A network without a schedule, studied with one that is given; another is another study. */
static void test_given_schedule(void **state)
{
    (void)state;
    scratch_copy(&here, DDPM, "m");
    unlink(scratch_path(&here, "m/scheduler_config.json").text);
    scratch_write(&here, "v.json", "{\"prediction_type\": \"v_prediction\"}", 35);
    expect(program(here.folder, STUDY), 1, "has no scheduler_config.json");
    assert_int_equal(computed(program(here.folder, STUDY " --schedule ddpm")), 3);
    assert_int_equal(computed(program(here.folder, STUDY " --schedule ddpm")), 0);
    assert_int_equal(computed(program(here.folder, "study timesteps --json --settings "
                                                   "study/settings.json")),
                     0);
    expect(program(here.folder, STUDY " --schedule v.json"), 1, "\"schedule\" is \"ddpm\" there");
    assert_int_equal(computed(program(here.folder, STUDY " --schedule v.json --force")), 3);
}

static void test_prediction_type(void **state)
{
    static const char *const fields[] = {"{\"prediction_type\": \"v_prediction\"}",
                                         "{\"beta_end\": 0.03}"};
    static const char *const told[] = {"; prediction epsilon and v_prediction",
                                       "; schedule linear ("};
    size_t count;
    unsigned char *stale, *fresh;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        scratch_copy(&here, DDPM, "m");
        assert_int_equal(computed(program(here.folder, STUDY)), 3);
        assert_int_equal(computed(program(here.folder, STUDY)), 0);
        stale = scratch_read(&here, "study/data.csv", &count);
        for (int seed = 0; seed < 2; seed++)
            expect(program(here.folder,
                           "basis -m m --seed %d -k 2 -s 6 --no-pictures "
                           "-o %d.safetensors",
                           seed, seed),
                   0, NULL);
        expect(program(here.folder, "compare 0.safetensors 1.safetensors"), 0, NULL);
        expect(program(here.folder, "edit --basis 0.safetensors -s 6 -o a.png"), 0, NULL);
        expect(program(here.folder, "mean 0.safetensors 1.safetensors -o mean.safetensors"), 0,
               NULL);

        scratch_change(&here, "m/scheduler_config.json", fields[i]);
        assert_int_equal(computed(program(here.folder, STUDY)), 3);
        fresh = scratch_read(&here, "study/data.csv", &count);
        assert_string_not_equal((char *)stale, (char *)fresh);
        free(stale);
        free(fresh);
        expect(program(here.folder, "edit --basis 0.safetensors -s 6 -o a.png"), 1,
               "configs or noise schedule");
        expect(program(here.folder, "edit --basis mean.safetensors --seed 1 -s 6 -o a.png"), 1,
               "configs or noise schedule");
        expect(program(here.folder, "transport --basis 0.safetensors --onto-t 0.9 -s 6 -o t.png"),
               1, "configs or noise schedule");
        expect(program(here.folder, "basis -m m --seed 1 -k 2 -s 6 --no-pictures -o 1.safetensors"),
               0, NULL);
        expect(program(here.folder, "mean 0.safetensors 1.safetensors -o mean.safetensors"), 1,
               told[i]);
        expect(program(here.folder, "compare 0.safetensors 1.safetensors"), 1, told[i]);
        expect(program(here.folder, "compare 0.safetensors 1.safetensors"), 1, "--across-models");
        expect(program(here.folder, "compare --across-models 0.safetensors 1.safetensors"), 0,
               NULL);
        expect(program(here.folder,
                       "transport --basis 1.safetensors --onto-basis 0.safetensors -s 6 -o t.png"),
               1, "configs or noise schedule");
        scratch_close(&here);
        scratch_open(&here);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_fields),         cmocka_unit_test(test_within),
        SCRATCH_TEST(test_files),          SCRATCH_TEST(test_changed),
        SCRATCH_TEST(test_given_schedule), SCRATCH_TEST(test_prediction_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
