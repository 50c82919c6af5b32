/* Single files that are refused, each by what it is. */
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "original.h"

static void expect_refused(const char *name, const pb_model_options *options, pb_status status,
                           const char *message)
{
    pb_error why = {0};
    pb_model *model;

    if (pb_model_open_with(&model, name, options, &why) == PB_OK)
        fail_msg("expected \"%s\", found a model", message);
    if (why.status != status || !strstr(why.message, message))
        fail_msg("expected \"%s\", found \"%s\"", message, why.message);
}

/* The file of a list is refused. */
static void refuse_list(const json_t *list, const char *metadata, pb_status status,
                        const char *message)
{
    const original_file file = {.metadata = metadata};

    original_write("m.safetensors", list, &file);
    expect_refused(scratch_path(&here, "m.safetensors").text, NULL, status, message);
}

/* Stable Diffusion 1.5 with one tensor more, or another one in its place. */
static void refuse_with(const char *shapes, const char *name, const char *shape, pb_status status,
                        const char *message)
{
    json_t *list = original_list(shapes);

    original_add(list, name, "F16", shape);
    refuse_list(list, NULL, status, message);
    json_decref(list);
}

static void test_networks(void **state)
{
    static const char first[] = "model.diffusion_model.input_blocks.0.0.weight";
    static const char label[] = "model.diffusion_model.label_emb.0.0.weight";

    (void)state;
    refuse_with("v1-5", first, "[320, 9, 3, 3]", PB_UNSUPPORTED, "9 channels (for inpainting)");
    refuse_with("v1-5", first, "[320, 8, 3, 3]", PB_UNSUPPORTED, "InstructPix2Pix");
    refuse_with("v1-5", first, "[320, 7, 3, 3]", PB_UNSUPPORTED, "upscaler");
    refuse_with("v2-1", first, "[320, 5, 3, 3]", PB_UNSUPPORTED, "of depth");
    refuse_with("v2-1", label, "[1280, 2816]", PB_UNSUPPORTED,
                "expected 2048, with linear projections (Stable Diffusion XL), found 1024");
    refuse_with("v2-1", label, "[1536, 2560]", PB_UNSUPPORTED, "refiner");
    refuse_with("v2-1", label, "[1280, 2048]", PB_UNSUPPORTED, "of a picture");
    refuse_with("v2-1", "model.diffusion_model.label_emb.weight", "[1000, 1280]", PB_UNSUPPORTED,
                "with classes");
}

/* One tensor tells what they are. */
static void test_kinds(void **state)
{
    static const struct {
        const char *name, *message;
    } kinds[] = {
        {"model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", "Stable Diffusion 3"},
        {"joint_blocks.0.x_block.attn.qkv.weight", "Stable Diffusion 3"},
        {"double_blocks.0.img_attn.qkv.weight", "Flux"},
        {"model.diffusion_model.double_blocks.0.img_attn.qkv.weight", "Flux"},
        {"conditioner.embedders.1.model.ln_final.weight", "a text encoder alone"},
        {"conditioner.embedders.0.model.ln_final.weight", "refiner"},
        {"conditioner.embedders.0.transformer.text_model.final_layer_norm.bias",
         "a text encoder alone"},
        {"model.diffusion_model.input_blocks.1.0.time_stack.in_layers.0.bias",
         "Stable Video Diffusion"},
        {"control_model.input_hint_block.0.weight", "ControlNet"},
        {"input_hint_block.0.weight", "ControlNet"},
        {"lora_unet_mid_block_attentions_0_proj_in.alpha", "--lora adds it to one"},
        {"lora_te_text_model_encoder_layers_0_mlp_fc1.alpha", "LoRA"},
        {"lora_te1_text_model_encoder_layers_0_mlp_fc1.alpha", "LoRA"},
        {"unet.down_blocks.0.attentions.0.proj_in.lora_A.weight", "LoRA"},
        {"down_blocks.0.resnets.0.conv1.weight", "names of diffusers (down_blocks.0.…), which is "
                                                 "read with the config.json beside it: give"},
        {"emb_params", "textual inversion"},
        {"string_to_param.*", "textual inversion"},
        {"clip_g", "embedding of Stable Diffusion XL"},
        {"model_ema.diffusion_modelout2weight", "averaged weights only"},
        {"cond_stage_model.transformer.text_model.final_layer_norm.bias", "text encoder alone"},
        {"encoder.conv_in.weight", "autoencoder alone"},
        {"first_stage_model.encoder.conv_in.weight", "--vae gives it to one"},
        {"something.weight", "found none of them among 1, the first being \"something.weight\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        json_t *list = json_object();
        original_add(list, kinds[i].name, "F16", "[4]");
        refuse_list(list, NULL, PB_UNSUPPORTED, kinds[i].message);
        json_decref(list);
    }
}

/* Averages in the place of the U-Net's weights, whatever else is there. */
static void test_averages(void **state)
{
    json_t *list = original_list("v1-5");

    (void)state;
    original_rename(list, "model.diffusion_model.", "model_ema.diffusion_model");
    refuse_list(list, NULL, PB_UNSUPPORTED, "averaged weights only");
    json_decref(list);
}

/* Names without numbers. */
static void test_no_numbers(void **state)
{
    json_t *list = original_list("v1-5");

    (void)state;
    original_drop(list, "cond_stage_model.");
    original_add(list, "cond_stage_model.transformer.text_model.final_layer_norm.bias", "I64",
                 "[768]");
    refuse_list(list, NULL, PB_FORMAT, "expected tensors of numbers, found none");
    json_decref(list);
}

/* What no part has, and what a part lacks. */
static void test_rest(void **state)
{
    json_t *list;

    (void)state;
    refuse_with("v1-5", "control.weight", "[4]", PB_UNSUPPORTED, "tensor \"control.weight\"");
    refuse_with("v1-5", "model.diffusion_model.input_blocks.12.0.bias", "[4]", PB_UNSUPPORTED,
                "input_blocks.12.0.bias");
    refuse_with("v1-5", "first_stage_model.encoder.down.4.block.0.norm1.bias", "[4]",
                PB_UNSUPPORTED, "encoder.down.4");
    refuse_with("v1-5", "cond_stage_model.transformer.vision_model.bias", "[4]", PB_UNSUPPORTED,
                "vision_model");
    list = original_list("v1-5");
    original_add(list, "a", "F16", "[4]");
    original_add(list, "b", "F16", "[4]");
    refuse_list(list, NULL, PB_UNSUPPORTED, "\"a\" and 1 more");
    json_decref(list);
    list = original_list("v1-5");
    original_drop(list, "model.diffusion_model.out.0.bias");
    refuse_list(list, NULL, PB_FORMAT, "conv_norm_out.bias");
    json_decref(list);
    list = original_list("v1-5"); /* the same tensor by two names */
    original_add(list, "cond_stage_model.transformer.final_layer_norm.bias", "F16", "[768]");
    refuse_list(list, NULL, PB_FORMAT, "lies also in");
    json_decref(list);
}

/* Families that are neither. */
static void test_families(void **state)
{
    static const char key[] =
        "model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k.weight";
    json_t *list;

    (void)state;
    refuse_with("v1-5", key, "[1280, 1024]", PB_UNSUPPORTED, "expected 768, with convolutional");
    refuse_with("v2-1", key, "[1280, 1280]", PB_UNSUPPORTED, "expected 1024, with linear");
    refuse_with("v2-1", key, "[1280, 768]", PB_UNSUPPORTED, "not a model of either");
    list = original_list("v1-5");
    original_drop(list, "model.diffusion_model.middle_block.1.");
    refuse_list(list, NULL, PB_UNSUPPORTED, "not conditioned on text");
    json_decref(list);
    refuse_with("v2-1", "model.diffusion_model.input_blocks.1.0.out_layers.3.weight",
                "[352, 320, 3, 3]", PB_UNSUPPORTED, "expected a multiple of 64, found 352");
}

static void refuse_words(const char *shapes, const char *metadata, const char *yaml,
                         pb_status status, const char *message)
{
    json_t *list = original_list(shapes);

    if (yaml)
        scratch_write(&here, "m.yaml", yaml, strlen(yaml));
    refuse_list(list, metadata, status, message);
    remove(scratch_path(&here, "m.yaml").text);
    json_decref(list);
}

/* Two readings that fit, or that contradict each other. */
static void test_readings(void **state)
{
    static const char eps[] = "model: {params: {parameterization: eps}}\n";

    (void)state;
    refuse_words("v2-1", NULL, NULL, PB_INVALID,
                 "--prediction-type epsilon or --prediction-type v_prediction");
    refuse_words("v2-1", "{\"modelspec.architecture\": \"stable-diffusion-v2-unheard\"}", NULL,
                 PB_INVALID, "nothing says which it is");
    refuse_words("v2-1", "{\"modelspec.prediction_type\": \"v\"}", eps, PB_INVALID,
                 "ModelSpec in the file says v_prediction, the .yaml beside the file epsilon");
    refuse_words("v2-1", "{\"modelspec.prediction_type\": \"flow\"}", NULL, PB_UNSUPPORTED,
                 "modelspec.prediction_type: expected epsilon or v, found \"flow\"");
    refuse_words("v2-1", "{\"modelspec.predict_key\": \"flow\"}", NULL, PB_UNSUPPORTED,
                 "modelspec.predict_key: expected epsilon or v, found \"flow\"");
    refuse_words("v1-5", "{\"modelspec.architecture\": \"stable-diffusion-v2-512\"}", NULL,
                 PB_FORMAT, "tensors are those of Stable Diffusion 1.x");
    refuse_words("v1-5", "{\"modelspec.architecture\": \"stable-diffusion-v1/lora\"}", NULL,
                 PB_UNSUPPORTED, "expected a model");
}

static void test_yaml(void **state)
{
    (void)state;
    refuse_words("v1-5", NULL, "model: [", PB_FORMAT, "m.yaml: line 2");
    refuse_words("v1-5", NULL, "a: b\n", PB_FORMAT, "model: params");
    refuse_words("v1-5", NULL, "", PB_FORMAT, "the file is empty");
    refuse_words("v1-5", NULL, "# none\n", PB_FORMAT, "model: params");
    refuse_words("v1-5", NULL, "model: {params: {linear_start: soon}}", PB_FORMAT,
                 "linear_start: expected a number, found \"soon\"");
    refuse_words("v1-5", NULL, "model: {params: {linear_start: [1]}}", PB_FORMAT,
                 "linear_start: expected a number, found a list of 1");
    refuse_words("v1-5", NULL, "model: {params: {unet_config: {params: {num_heads: .inf}}}}",
                 PB_FORMAT, "num_heads: expected a number");
    refuse_words("v1-5", NULL, "model: {params: {timesteps: 999.5}}", PB_FORMAT,
                 "timesteps: expected a whole number, found 999.5");
    refuse_words("v1-5", NULL, "model: {params: {parameterization: w}}", PB_UNSUPPORTED,
                 "expected eps, v or x0, found \"w\"");
    refuse_words("v1-5", NULL, "model: {params: {linear_start: 2}}", PB_FORMAT, "beta_start");
    refuse_words("v2-1", NULL,
                 "model: {params: {parameterization: v, unet_config: {params: "
                 "{num_head_channels: 48}}}}",
                 PB_UNSUPPORTED, "whose heads have 48: expected a multiple of 48, found 320");
}

/* Options that do not go with what is there. */
static void test_options(void **state)
{
    const original_file file = {0};
    json_t *list = original_list("v1-5");
    const char *path = scratch_path(&here, "m.safetensors").text;
    char name[2 * SCRATCH_PATH];

    (void)state;
    snprintf(name, sizeof name, "%s", path);
    original_write("m.safetensors", list, &file);
    expect_refused(name, &(pb_model_options){.schedule = "ddpm"}, PB_INVALID,
                   "for a model whose family has its own");
    expect_refused(name, &(pb_model_options){.prediction_type = "w"}, PB_INVALID,
                   "a prediction type \"w\"");
    expect_refused(name, &(pb_model_options){.config = name}, PB_IO,
                   "expected a folder with configs");
    expect_refused(GOLDEN "sd1-tiny", &(pb_model_options){.prediction_type = "epsilon"}, PB_INVALID,
                   "(--prediction-type) is for a model that is one file");
    expect_refused(GOLDEN "sd1-tiny", &(pb_model_options){.config = GOLDEN "sd1-tiny"}, PB_INVALID,
                   "(--config) is for a model that is one file");
    expect_refused(GOLDEN "sd1-tiny", &(pb_model_options){.vae = "nowhere"}, PB_IO, "nowhere");
    expect_refused(GOLDEN "sd1-tiny", &(pb_model_options){.vae = GOLDEN}, PB_IO,
                   "neither config.json nor vae/ is there");
    expect_refused(
        GOLDEN "sd1-tiny",
        &(pb_model_options){.vae = GOLDEN "sd1-tiny/unet/diffusion_pytorch_model.safetensors"},
        PB_UNSUPPORTED, "no autoencoder: expected its tensors");
    original_keep(list, "first_stage_model.");
    original_add(list, "first_stage_model.more", "F16", "[4]");
    original_write("m.safetensors", list, &file);
    expect_refused(GOLDEN "sd1-tiny", &(pb_model_options){.vae = name}, PB_UNSUPPORTED,
                   "tensor \"first_stage_model.more\"");
    json_decref(list);
}

/* What is no safetensors file at all, and one cut short. */
static void test_damaged(void **state)
{
    unsigned char *bytes;
    size_t count;
    const original_file file = {.folder = GOLDEN "sd1-tiny"};
    json_t *list = original_list("sd1-tiny");

    (void)state;
    scratch_write(&here, "m.safetensors", "no tensors", 10);
    expect_refused(scratch_path(&here, "m.safetensors").text, NULL, PB_FORMAT,
                   "found \"no tenso\"");
    scratch_write(&here, "m.txt", "no tensors", 10);
    expect_refused(scratch_path(&here, "m.txt").text, NULL, PB_FORMAT, "(a model is a folder in");
    original_write("m.safetensors", list, &file);
    bytes = scratch_read(&here, "m.safetensors", &count);
    scratch_write(&here, "m.safetensors", bytes, count - 1);
    expect_refused(scratch_path(&here, "m.safetensors").text, NULL, PB_FORMAT, "m.safetensors");
    free(bytes);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_networks),   SCRATCH_TEST(test_kinds),    SCRATCH_TEST(test_rest),
        SCRATCH_TEST(test_no_numbers), SCRATCH_TEST(test_families), SCRATCH_TEST(test_readings),
        SCRATCH_TEST(test_yaml),       SCRATCH_TEST(test_options),  SCRATCH_TEST(test_damaged),
        SCRATCH_TEST(test_averages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
