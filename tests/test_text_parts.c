/* The parts of a text-conditioned model: their files through the program. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "golden.h"
#include "program.h"
#include "scratch.h"

#define SD1 GOLDEN "sd1-tiny"
#define TOY PB_SOURCE_DIR "/tests/faults/token-of-several-vectors"
#define PORTRAIT PB_SOURCE_DIR "/examples/portrait.png"

/* An .npy file against another. */
static void compare_files(const char *found, const char *expected, size_t count, double tolerance)
{
    pb_tensor a = PB_TENSOR_EMPTY, b = PB_TENSOR_EMPTY;

    MUST(pb_npy_read(&a, found, error));
    MUST(pb_npy_read(&b, expected, error));
    if (!count)
        count = pb_tensor_count(&b);
    assert_true(count <= pb_tensor_count(&a) && count <= pb_tensor_count(&b));
    assert_near(found, a.data, b.data, count, tolerance);
    pb_tensor_clear(&a);
    pb_tensor_clear(&b);
}

/* -- tokens of several vectors ---------------------------------------------------------------- */

static void expect_ids(const char *prompt, size_t count, const int *expected)
{
    json_t *o;
    const json_t *ids;

    o = object_of(program(here.folder, "prompt -q --json -m " TOY " %s", prompt));
    ids = json_object_get(o, "ids");
    assert_int_equal(json_array_size(ids), 77);
    for (size_t i = 0; i < 77; i++)
        assert_int_equal(json_integer_value(json_array_get(ids, i)), i < count ? expected[i] : 529);
    json_decref(o);
}

/* A textual inversion's token: its ids, and samples under it, by the one prompt or the other: with
 * w = 0 the negative prompt is all there is, with w = 1 the prompt. */
static void test_vectors(void **state)
{
    const char *const how = "sample -q -m " TOY " --spacing leading -s 6 -n 1 --seed 3 -o z.npy ";

    (void)state;
    expect_ids("<toy>", 4, (const int[]){528, 530, 531, 532});
    expect_ids("a<toy>dog", 6, (const int[]){528, 320, 530, 531, 532, 515});
    expect_ids("<TOY>", 2, (const int[]){528, 530});
    expect(program(here.folder, "%s--prompt a<toy>dog --guidance-scale 5", how), 0, NULL);
    compare_files(scratch_path(&here, "z.npy").text, TOY "/expected.npy", 0, 1e-4);
    expect(program(here.folder, "%s--prompt a<toy>dog --guidance-scale 1", how), 0, NULL);
    rename(scratch_path(&here, "z.npy").text, scratch_path(&here, "positive.npy").text);
    expect(program(here.folder, "%s--prompt= --negative-prompt a<toy>dog --guidance-scale 0", how),
           0, NULL);
    compare_files(scratch_path(&here, "z.npy").text, scratch_path(&here, "positive.npy").text, 0,
                  1e-6);
}

/* -- files of a text encoder ------------------------------------------------------------------ */

/* A folder like sd1-tiny but for one part. */
static void without(const char *part)
{
    static const char *const parts[] = {"model_index.json", "scheduler",   "unet", "vae",
                                        "tokenizer",        "text_encoder"};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        scratch_name link = scratch_path(&here, parts[i]);
        char target[512];
        snprintf(target, sizeof target, SD1 "/%s", parts[i]);
        unlink(link.text);
        if (strcmp(parts[i], part))
            assert_int_equal(symlink(target, link.text), 0);
    }
}

/* Tensors of the text encoder without their prefix, as newer releases name them: the same
 * embedding. */
static void test_prefix(void **state)
{
    static pb_named_tensor named[256];
    static pb_tensor tensors[256];
    pb_tensor a = PB_TENSOR_EMPTY, b = PB_TENSOR_EMPTY;
    pb_weights *w;
    size_t count = 0;

    (void)state;
    without("text_encoder");
    assert_int_equal(mkdir(scratch_path(&here, "text_encoder").text, 0777), 0);
    assert_int_equal(symlink(SD1 "/text_encoder/config.json",
                             scratch_path(&here, "text_encoder/config.json").text),
                     0);
    MUST(pb_weights_open(&w, SD1 "/text_encoder/model.safetensors", error));
    for (size_t i = 0; i < pb_weights_count(w); i++) {
        const pb_stored *stored = pb_weights_at(w, i);
        if (strncmp(stored->name, "text_model.", 11) || stored->dtype == PB_INTEGER)
            continue;
        MUST(pb_tensor_new(&tensors[count], stored->rank, stored->shape, error));
        MUST(pb_stored_read(stored, tensors[count].data, error));
        named[count] = (pb_named_tensor){stored->name + 11, &tensors[count]};
        count++;
    }
    assert_true(count > 10);
    MUST(pb_safetensors_write(scratch_path(&here, "text_encoder/model.safetensors").text, count,
                              named, 0, NULL, error));
    pb_weights_free(w);
    for (size_t i = 0; i < count; i++)
        pb_tensor_clear(&tensors[i]);
    expect(program(here.folder, "prompt -q -m . -o a.npy smile"), 0, NULL);
    expect(program(here.folder, "prompt -q -m " SD1 " -o b.npy smile"), 0, NULL);
    MUST(pb_npy_read(&a, scratch_path(&here, "a.npy").text, error));
    MUST(pb_npy_read(&b, scratch_path(&here, "b.npy").text, error));
    assert_memory_equal(a.data, b.data, pb_tensor_count(&b) * sizeof *b.data);
    pb_tensor_clear(&a);
    pb_tensor_clear(&b);
}

/* A folder like sd1-tiny whose text encoder's or tokenizer's file has one field more. */
static void with_field(const char *part, const char *name, const char *field, json_t *value)
{
    static const char *const links[] = {"text_encoder/model.safetensors", "tokenizer/vocab.json",
                                        "tokenizer/merges.txt"};
    scratch_name folder = scratch_path(&here, part), path;
    char target[512], *text;
    json_t *config;

    without(part);
    assert_int_equal(mkdir(folder.text, 0777), 0);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (!strncmp(links[i], part, strlen(part))) {
            path = scratch_path(&here, links[i]);
            snprintf(target, sizeof target, SD1 "/%s", links[i]);
            assert_int_equal(symlink(target, path.text), 0);
        }
    snprintf(target, sizeof target, SD1 "/%s/%s", part, name);
    config = json_load_file(target, 0, NULL);
    assert_non_null(config);
    json_object_set_new(config, field, value);
    text = json_dumps(config, 0);
    assert_non_null(text);
    snprintf(target, sizeof target, "%s/%s", part, name);
    scratch_write(&here, target, text, strlen(text));
    free(text);
    json_decref(config);
}

/* Removes what with_field has made. */
static void clear_part(const char *part)
{
    static const char *const names[] = {"config.json", "model.safetensors", "tokenizer_config.json",
                                        "vocab.json", "merges.txt"};
    char path[64];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", part, names[i]);
        unlink(scratch_path(&here, path).text);
    }
    assert_int_equal(rmdir(scratch_path(&here, part).text), 0);
}

/* Fields of the text encoder: what transformers takes a null for, and what diffusers heeds. */
static void test_encoder_config(void **state)
{
    static const struct {
        const char *field;
        int value; /* of true; -1: null */
        const char *message;
    } cases[] = {
        {"use_attention_mask", 1, "use_attention_mask: is not supported"},
        {"use_attention_mask", 0, NULL},
        {"use_attention_mask", -1, NULL},
        {"model_type", -1, NULL},
        {"pad_token_id", -1, NULL},
        {"projection_dim", -1, NULL},
        {"transformers_weights", 1, "\"transformers_weights\""},
        {"vocab_size", -1, "vocab_size: expected"},
        {"hidden_size", -1, "hidden_size: expected"},
        {"intermediate_size", -1, "intermediate_size: expected"},
        {"num_hidden_layers", -1, "num_hidden_layers: expected"},
        {"num_attention_heads", -1, "num_attention_heads: expected"},
        {"max_position_embeddings", -1, "max_position_embeddings: expected"},
        {"hidden_act", -1, "hidden_act: expected"},
        {"layer_norm_eps", -1, "layer_norm_eps: expected"},
    };

    (void)state;
    expect(program(here.folder, "prompt -q -m " SD1 " -o a.npy face"), 0, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *value = cases[i].value < 0 ? json_null() : json_boolean(cases[i].value);
        with_field("text_encoder", "config.json", cases[i].field, value);
        expect(program(here.folder, "prompt -q -m . -o b.npy face"), cases[i].message ? 1 : 0,
               cases[i].message);
        if (!cases[i].message)
            compare_files(scratch_path(&here, "b.npy").text, scratch_path(&here, "a.npy").text, 0,
                          1e-7);
        clear_part("text_encoder");
    }
}

/* A tokenizer of fewer tokens than the text encoder has positions for, of more, and of any number.
 */
static void test_lengths(void **state)
{
    static const struct {
        int length; /* 0: null */
        size_t tokens;
    } cases[] = {{20, 20}, {78, 0}, {0, 77}};

    (void)state;
    expect(program(here.folder, "prompt -q -m " SD1 " -o a.npy face"), 0, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        with_field("tokenizer", "tokenizer_config.json", "model_max_length",
                   cases[i].length ? json_integer(cases[i].length) : json_null());
        if (cases[i].tokens) {
            json_t *o = object_of(program(here.folder, "prompt -q --json -m . -o b.npy face"));
            assert_int_equal(json_array_size(json_object_get(o, "ids")), cases[i].tokens);
            json_decref(o);
            compare_files(scratch_path(&here, "b.npy").text, scratch_path(&here, "a.npy").text,
                          cases[i].tokens * 32, 1e-5);
        } else
            expect(program(here.folder, "prompt -q -m . -o b.npy face"), 1,
                   "prompts of 78 tokens (model_max_length), but the text encoder has positions "
                   "for 77");
        clear_part("tokenizer");
    }
}

static void test_missing(void **state)
{
    (void)state;
    without("vae");
    expect(program(here.folder, "basis -m . " PORTRAIT " --steps 4 --rank 2 -o b.safetensors"), 1,
           "no vae/: pictures cannot be turned into latents");
    expect(program(here.folder, "basis -m . --seed 0 --steps 4 --rank 2 --no-pictures "
                                "-o b.safetensors"),
           0, NULL);
    without("tokenizer");
    expect(program(here.folder, "sample -m . -n 1 --steps 4 -o a.png"), 1,
           "no tokenizer/: prompts cannot be read");
    expect(program(here.folder, "encode -m . " PORTRAIT " -o latent.npy"), 0, NULL);
    without("unet");
    expect(program(here.folder, "info ."), 1, "no unet/config.json");
    without("text_encoder");
    expect(program(here.folder, "sample -m . -n 1 --steps 4 -o a.png"), 1,
           "no text_encoder/: prompts cannot be read");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_vectors), SCRATCH_TEST(test_prefix),  SCRATCH_TEST(test_encoder_config),
        SCRATCH_TEST(test_lengths), SCRATCH_TEST(test_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
