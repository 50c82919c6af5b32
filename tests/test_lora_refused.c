/* LoRAs that are refused, and what is said of them. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "golden.h"
#include "lora.h"
#include "models/lora/option.h"
#include "models/model.h"
#include "scratch.h"

#define SD1 GOLDEN "sd1-tiny"
#define LAYER "lora_unet_mid_block_attentions_0_proj_in" /* (32, 32, 1, 1) */

static void expect_refused(const char *model, const char *file, pb_status status,
                           const char *message)
{
    const scratch_name path = scratch_path(&here, file);
    const pb_lora lora = {path.text, 1};
    const pb_model_options options = {.loras = &lora, .lora_count = 1};
    pb_error e = {.status = PB_OK};
    pb_model *found;

    assert_int_equal(pb_model_open_with(&found, model, &options, &e), status);
    assert_null(found);
    if (!strstr(e.message, message))
        fail_msg("\"%s\" is no part of: %s", message, e.message);
}

/* A tensor to be written: amplitude 1. */
typedef struct given {
    const char *name, *shape, *dtype; /* dtype NULL: F32 */
} given;

#define MOST 4

static void write_given(const given *tensors)
{
    json_t *all = json_object();

    for (size_t i = 0; i < MOST && tensors[i].name; i++)
        lora_add(all, tensors[i].name, tensors[i].dtype ? tensors[i].dtype : "F32",
                 tensors[i].shape, 1);
    lora_write_tensors("l.safetensors", all, NULL);
    json_decref(all);
}

#define DOWN(shape)                                                                                \
    {                                                                                              \
        LAYER ".lora_down.weight", shape, NULL                                                     \
    }
#define UP(shape)                                                                                  \
    {                                                                                              \
        LAYER ".lora_up.weight", shape, NULL                                                       \
    }
#define TEXT "lora_te_text_model_encoder_layers_0_self_attn_q_proj"
#define ATTENTION "lora_unet_mid_block_attentions_0_transformer_blocks_0_"

static void test_tensors(void **state)
{
    static const struct {
        given tensors[MOST];
        pb_status status;
        const char *message;
    } cases[] = {
        {{DOWN("[2, 32]")}, PB_FORMAT, "expected its upper factor beside it"},
        {{UP("[32, 2]")}, PB_FORMAT, "expected its lower factor beside it"},
        {{{LAYER ".lora_mid.weight", "[2, 2, 1, 1]", NULL}}, PB_FORMAT, "upper factor"},
        {{DOWN("[3, 32]"), UP("[32, 2]")}, PB_FORMAT, "their ranks differ"},
        {{DOWN("[2, 32]"), UP("[31, 2]")},
         PB_FORMAT,
         "shape (31, 2) with (2, 32) does not fit the weight mid_block.attentions.0.proj_in.weight "
         "of the model, shape (32, 32, 1, 1)"},
        {{DOWN("[2, 33]"), UP("[32, 2]")}, PB_FORMAT, "shape (2, 33) with (32, 2) does not fit"},
        {{DOWN("[2, 32, 3, 3]"), UP("[32, 2, 1, 1]")}, PB_FORMAT, "does not fit"},
        {{DOWN("[2, 32]"), UP("[32, 2, 1, 2]")}, PB_FORMAT, "does not fit"},
        {{DOWN("[0, 32]"), UP("[32, 0]")}, PB_FORMAT, "expected a factor, found shape (32, 0)"},
        {{DOWN("[32]"), UP("[32, 1]")}, PB_FORMAT, "expected a factor, found shape (32)"},
        {{DOWN("[2, 32]"), {LAYER ".lora_up.weight", "[32, 2]", "I64"}},
         PB_FORMAT,
         "expected floating-point numbers, found I64"},
        {{DOWN("[2, 32]"), UP("[32, 2]"), {LAYER ".lora_mid.weight", "[2, 3, 1, 1]", NULL}},
         PB_FORMAT,
         "their ranks differ"},
        {{DOWN("[2, 32]"), UP("[32, 2]"), {LAYER ".lora_mid.weight", "[2, 2, 3, 3]", NULL}},
         PB_FORMAT,
         "does not fit"},
        {{DOWN("[2, 32]"), UP("[32, 2]"), {LAYER ".alpha", "[2]", NULL}},
         PB_FORMAT,
         "expected one number, found 2"},
        {{DOWN("[2, 32]"), UP("[32, 2]"), {LAYER ".weird", "[2]", NULL}},
         PB_UNSUPPORTED,
         "for the layer mid_block.attentions.0.proj_in.weight, found something else"},
        {{DOWN("[2, 32]"), {"lora_unet_middle_block_1_proj_in.lora_down.weight", "[2, 32]", NULL}},
         PB_FORMAT,
         "are the same of one layer"},
        {{{"unet.mid_block.attentions.0.proj_in.lora_A.weight", "[2, 32]", NULL},
          {"unet.mid_block.attentions.0.proj_in.lora_A.default.weight", "[2, 32]", NULL}},
         PB_FORMAT,
         "are the same of one layer"},
        {{{LAYER ".diff", "[32, 31]", NULL}}, PB_FORMAT, "shape (32, 31) does not fit the weight"},
        {{{LAYER ".diff_b", "[31]", NULL}}, PB_FORMAT, "proj_in.bias of the model, shape (32)"},
        {{{ATTENTION "attn1_to_q.diff_b", "[32]", NULL}}, PB_FORMAT, "without one"},
        {{{ATTENTION "attn2_to_k.lora_down.weight", "[2, 2048]", NULL},
          DOWN("[2, 33]"),
          UP("[32, 2]")},
         PB_FORMAT,
         "it is a LoRA of Stable Diffusion XL"},
        {{{ATTENTION "attn2_to_k.lora_down.weight", "[2, 1024]", NULL}}, PB_FORMAT, "2.x"},
        {{{"lora_unet_no_such_layer.lora_down.weight", "[2, 32]", NULL}},
         PB_INVALID,
         "of 1 tensors of a LoRA none fits"},
        {{{LAYER ".alpha", "[]", NULL}}, PB_INVALID, "none fits"},
        {{{"something.weight", "[2]", NULL}},
         PB_UNSUPPORTED,
         "none of them among 1, the first being \"something.weight\""},
        {{{"conv_in.weight", "[16, 4, 3, 3]", NULL}}, PB_UNSUPPORTED, "found something else"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_given(cases[i].tensors);
        expect_refused(SD1, "l.safetensors", cases[i].status, cases[i].message);
    }
}

/* Other kinds, by their names, however well the rest fits. */
static void test_kinds(void **state)
{
    static const char *const kinds[][2] = {
        {LAYER ".hada_w1_a", "LoHa"},
        {LAYER ".lokr_w1", "LoKr"},
        {LAYER ".on_input", "(IA)"},
        {LAYER ".oft_blocks", "OFT"},
        {LAYER ".a1.weight", "GLoRA"},
        {LAYER ".dora_scale", "DoRA"},
        {"unet.mid_block.attentions.0.proj_in.lora_magnitude_vector", "DoRA"},
        {"base_model.model.mid_block.attentions.0.proj_in.lora_E.default", "AdaLoRA"},
        {"base_model.model.embed.lora_embedding_A", "embedding"},
        {"unet.mid_block.attentions.0.proj_in.lora_B.bias", "biases"},
        {LAYER ".set_weight", "a set of weights"},
        {"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight", "Flux"},
        {"transformer.blocks.0.attn.to_q.lora_A.weight", "Stable Diffusion 3"},
        {"emb_params", "textual inversion"},
        {"model.diffusion_model.out.2.weight", "a model"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const given tensors[MOST] = {DOWN("[2, 32]"), UP("[32, 2]"), {kinds[i][0], "[2]", NULL}};
        write_given(tensors);
        expect_refused(SD1, "l.safetensors", PB_UNSUPPORTED, kinds[i][1]);
    }
}

static void test_configs(void **state)
{
    static const struct {
        const char *config;
        pb_status status;
        const char *message;
    } cases[] = {
        {"{\"peft_type\": \"LOHA\"}", PB_UNSUPPORTED, "peft_type: expected \"LORA\""},
        {"{\"use_dora\": true}", PB_UNSUPPORTED, "use_dora: expected false"},
        {"{\"fan_in_fan_out\": true}", PB_UNSUPPORTED, "fan_in_fan_out"},
        {"{\"bias\": \"all\"}", PB_UNSUPPORTED, "bias: expected \"none\", found \"all\""},
        {"{\"init_lora_weights\": \"pissa_niter_16\"}", PB_UNSUPPORTED, "init_lora_weights"},
        {"{\"init_lora_weights\": \"lora_ga\"}", PB_UNSUPPORTED, "init_lora_weights"},
        {"{\"kasa_config\": {\"beta\": 1}}", PB_UNSUPPORTED, "kasa_config: expected null"},
        {"{\"alpha_pattern\": {\"mid.*\": 3}}", PB_UNSUPPORTED, "found the pattern \"mid.*\""},
        {"{\"alpha_pattern\": [3]}", PB_FORMAT, "alpha_pattern: expected an object"},
        {"{\"alpha_pattern\": {\"proj_in\": \"3\"}}", PB_FORMAT, "expected a number"},
        {"{\"lora_alpha\": \"3\"}", PB_FORMAT, "lora_alpha: expected a number, found \"3\""},
        {"{\"lora_alpha\": 1e300}", PB_FORMAT, "beyond what float32 holds"},
        {"{", PB_FORMAT, "adapter_config.json"},
    };
    static const given tensors[MOST] = {
        {"base_model.model.mid_block.attentions.0.proj_in.lora_A.weight", "[2, 32]", NULL},
        {"base_model.model.mid_block.attentions.0.proj_in.lora_B.weight", "[32, 2]", NULL}};

    (void)state;
    write_given(tensors);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scratch_write(&here, "adapter_config.json", cases[i].config, strlen(cases[i].config));
        expect_refused(SD1, "l.safetensors", cases[i].status, cases[i].message);
    }
    /* One that nobody can look at is not as if there were none. */
    assert_int_equal(unlink(scratch_path(&here, "adapter_config.json").text), 0);
    assert_int_equal(
        symlink("adapter_config.json", scratch_path(&here, "adapter_config.json").text), 0);
    expect_refused(SD1, "l.safetensors", PB_IO, "adapter_config.json");
    assert_int_equal(unlink(scratch_path(&here, "adapter_config.json").text), 0);
    scratch_folder(&here, "adapter_config.json");
    expect_refused(SD1, "l.safetensors", PB_IO, "expected a file, found a folder");
}

static void test_files(void **state)
{
    static const given tensors[MOST] = {DOWN("[2, 32]"), UP("[32, 2]")};

    (void)state;
    write_given(tensors);
    expect_refused(GOLDEN "unet2d-ddpm", "l.safetensors", PB_INVALID, "which reads no text");
    expect_refused(SD1, "nowhere.safetensors", PB_IO, "nowhere.safetensors");
    scratch_folder(&here, "empty");
    expect_refused(SD1, "empty", PB_IO, "neither pytorch_lora_weights.safetensors nor");
    scratch_write(&here, "empty/mine.safetensors", "x", 1);
    expect_refused(SD1, "empty", PB_IO, "empty/mine.safetensors)");
    scratch_write(&here, "l.json", "{}", 2);
    expect_refused(SD1, "l.json", PB_UNSUPPORTED, "a LoRA of several files");
    scratch_write(&here, "text", "some text", 9);
    expect_refused(SD1, "text", PB_FORMAT, "text");
}

/* Numbers that are none. */
static void test_numbers(void **state)
{
    const scratch_name path = scratch_path(&here, "l.safetensors");
    const pb_lora lora = {path.text, 1};
    const pb_model_options options = {.loras = &lora, .lora_count = 1};
    json_t *all = json_object();
    const pb_stored *t;
    pb_error e = {.status = PB_OK};
    pb_model *model;
    float *values;

    (void)state;
    lora_add(all, LAYER ".lora_down.weight", "F32", "[2, 32]", 1);
    lora_add(all, LAYER ".lora_up.weight", "F32", "[32, 2]", 1e39); /* infinite ones */
    lora_write_tensors("l.safetensors", all, NULL);
    MUST(pb_model_open_with(&model, SD1, &options, error));
    t = pb_weights_find(model->weights, "mid_block.attentions.0.proj_in.weight");
    assert_int_equal(pb_stored_load(&values, t, &e), PB_FORMAT);
    assert_null(values);
    assert_non_null(strstr(e.message, "is not a finite number"));
    pb_model_free(model);
    lora_add(all, LAYER ".alpha", "F32", "[]", 1e39);
    lora_write_tensors("l.safetensors", all, NULL);
    expect_refused(SD1, "l.safetensors", PB_FORMAT, "alpha\": expected a finite number");
    json_decref(all);
}

/* -- options ---------------------------------------------------------------------------------- */

static void test_option(void **state)
{
    static const char *const wrong[] = {"a:",     "a:x", "a:1x", "a:nan", "a:inf",
                                        "a:1e39", "a:-", ":1",   ""};
    static const struct {
        const char *text, *path;
        double weight;
    } right[] = {{"a", "a", 1},   {"a:0.5", "a", 0.5}, {"a:-2", "a", -2}, {"a:b:1e-3", "a:b", 1e-3},
                 {"a:0", "a", 0}, {"a:+.5", "a", 0.5}};
    const scratch_name named = scratch_path(&here, "a:2");
    pb_error e = {.status = PB_OK};
    pb_lora lora;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(pb_lora_option(&lora, wrong[i], NULL), PB_INVALID);
        assert_null(lora.path);
    }
    assert_int_equal(pb_lora_option(&lora, "a:0,8", &e), PB_INVALID);
    assert_string_equal(e.message, "--lora a:0,8: no such file; of FILE:WEIGHT, expected a finite "
                                   "number as 0.8 for WEIGHT, found \"0,8\"");
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        MUST(pb_lora_option(&lora, right[i].text, error));
        assert_string_equal(lora.path, right[i].path);
        assert_true(lora.weight == right[i].weight);
        pb_free((char *)lora.path);
    }
    scratch_write(&here, "a:2", "x", 1); /* a file that is called so */
    MUST(pb_lora_option(&lora, named.text, error));
    assert_string_equal(lora.path, named.text);
    assert_true(lora.weight == 1);
    pb_free((char *)lora.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_tensors), SCRATCH_TEST(test_kinds),   SCRATCH_TEST(test_configs),
        SCRATCH_TEST(test_files),   SCRATCH_TEST(test_numbers), SCRATCH_TEST(test_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
