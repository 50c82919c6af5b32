/* Networks that see pixels as one file: what is refused, each by what it is; settings that disagree
 * with the tensors, and what has to be asked. */
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "inject.h"
#include "original.h"
#include "pixel.h"

static void expect_refused(const pb_model_options *options, pb_status status, const char *message)
{
    pb_error why = {0};
    pb_model *model;

    if (pb_model_open_with(&model, scratch_path(&here, "m.safetensors").text, options, &why) ==
        PB_OK)
        fail_msg("expected \"%s\", found a model", message);
    if (why.status != status || !strstr(why.message, message))
        fail_msg("expected %d, \"%s\", found %d, \"%s\"", status, message, why.status, why.message);
}

/* The file of a list is refused. */
static void refuse_list(const json_t *list, pb_status status, const char *message)
{
    original_write("m.safetensors", list, &(original_file){0});
    expect_refused(NULL, status, message);
}

/* One of the golden ones with a tensor more, or another one in its place; NULL: without. */
static void refuse_with(const char *name, const char *tensor, const char *shape, pb_status status,
                        const char *message)
{
    json_t *whole = pixel_golden(name), *list = pixel_shapes(name);

    if (json_is_object(json_object_get(whole, "settings")))
        pixel_settings("m.json", whole, NULL);
    if (shape)
        original_add(list, tensor, "F32", shape);
    else
        original_drop(list, tensor);
    refuse_list(list, status, message);
    remove(scratch_path(&here, "m.json").text);
    json_decref(whole);
    json_decref(list);
}

/* What has the names of these networks and is another. */
static void test_kinds(void **state)
{
    static const char *const latents[] = {"model.diffusion_model.", "diffusion_model."};
    json_t *list = pixel_shapes("adm-heads");

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        json_t *latent = json_deep_copy(list);
        original_rename(latent, "", latents[i]);
        original_add(latent, "first_stage_model.encoder.conv_in.weight", "F32", "[4]");
        refuse_list(latent, PB_UNSUPPORTED, "a latent diffusion model without text");
        json_decref(latent);
    }
    refuse_with("adm-heads", "transformer.resblocks.0.ln_1.weight", "[4]", PB_UNSUPPORTED, "GLIDE");
    refuse_with("adm-heads", "middle_block.1.encoder_kv.weight", "[4]", PB_UNSUPPORTED, "GLIDE");
    refuse_with("adm-heads", "output_blocks.", NULL, PB_UNSUPPORTED, "classifier");
    refuse_with("adm-heads", "input_blocks.0.0.weight", "[32, 6, 3, 3]", PB_UNSUPPORTED,
                "upsampler");
    refuse_with("adm-heads", "input_blocks.3.0.op.", NULL, PB_UNSUPPORTED, "conv_resample");
    refuse_with("adm-heads", "time_embed.0.weight", "[128, 64]", PB_UNSUPPORTED,
                "a first level of 32 channels with sinusoids of 64");
    refuse_with("ddpm", "down.0.block.0.conv_shortcut.weight", "[32, 32, 3, 3]", PB_UNSUPPORTED,
                "shortcuts of 3 x 3");
    refuse_with("ddpm", "down.0.downsample.", NULL, PB_UNSUPPORTED, "resamp_with_conv");
    json_decref(list);
}

/* What nothing has a place for, what is missing, and what has another shape. */
static void test_tensors(void **state)
{
    (void)state;
    refuse_with("ddpm", "more.weight", "[4]", PB_UNSUPPORTED,
                "tensor \"more.weight\": expected nothing beside what DDPM has");
    refuse_with("ddpm", "down.2.block.0.conv1.weight", "[4]", PB_UNSUPPORTED, "down.2.block.0");
    refuse_with("ddpm", "down.1.attn.0.q.weight", NULL, PB_FORMAT,
                "down_blocks.1.attentions.0.to_q.weight is missing");
    refuse_with("ddpm", "mid.block_1.conv1.weight", "[64, 32, 3, 3]", PB_FORMAT,
                "mid_block.resnets.0.conv1.weight: expected shape");
    refuse_with("ddpm", "down.0.block.", NULL, PB_FORMAT, "expected residual blocks, found none");
    refuse_with("adm-heads", "output_blocks.7.0.in_layers.0.weight", "[4]", PB_UNSUPPORTED,
                "output_blocks.7");
    refuse_with("adm-heads", "middle_block.3.weight", "[4]", PB_UNSUPPORTED, "middle_block.3");
    refuse_with("adm-heads", "input_blocks.1.1.qkv.bias", NULL, PB_FORMAT,
                "attentions.0.to_q.bias is missing");
    refuse_with("adm-heads", "input_blocks.1.1.qkv.weight", "[96, 32, 2]", PB_FORMAT,
                "q, k and v of whole heads");
    refuse_with("adm-heads", "input_blocks.1.1.qkv.bias", "[95]", PB_FORMAT,
                "q, k and v of whole heads");
    refuse_with("adm-heads", "input_blocks.1.1.qkv.bias", "[]", PB_FORMAT,
                "q, k and v of whole heads");
    refuse_with("adm-heads", "output_blocks.0.", NULL, PB_FORMAT,
                "blocks on each level, two or more");
}

/* The golden network of scale and shift with other settings. */
static void refuse_settings(const char *changes, pb_status status, const char *message)
{
    json_t *whole = pixel_golden("adm-scale-shift"), *list = pixel_shapes("adm-scale-shift");

    pixel_settings("m.json", whole, changes);
    refuse_list(list, status, message);
    json_decref(whole);
    json_decref(list);
}

/* Each setting that shapes say too. */
static void test_disagreement(void **state)
{
    (void)state;
    refuse_settings("{\"num_channels\": 64}", PB_FORMAT,
                    "m.json: num_channels: says 64, but the tensors have 32");
    refuse_settings("{\"num_res_blocks\": 2}", PB_FORMAT, "says 2, but the tensors have 1");
    refuse_settings("{\"channel_mult\": \"1,2,4\"}", PB_FORMAT,
                    "has 3 levels, but the tensors have 2");
    refuse_settings("{\"channel_mult\": [1, 3]}", PB_FORMAT,
                    "says 3 times 32 channels on level 1, but the tensors have 64");
    refuse_settings("{\"class_cond\": true}", PB_FORMAT, "class_cond: says true");
    refuse_settings("{\"learn_sigma\": false}", PB_FORMAT, "learn_sigma: says false");
    refuse_settings("{\"use_scale_shift_norm\": false}", PB_FORMAT,
                    "use_scale_shift_norm: says false");
    refuse_settings("{\"resblock_updown\": false}", PB_FORMAT, "resblock_updown: says false");
    refuse_settings("{\"attention_resolutions\": \"8\"}", PB_FORMAT,
                    "attention_resolutions: does not say 16 pixels");
    refuse_settings("{\"attention_resolutions\": \"32,16\"}", PB_FORMAT,
                    "says 32 pixels, but the tensors have no attention");
    refuse_settings("{\"attention_resolutions\": \"16\", \"image_size\": 64}", PB_FORMAT,
                    "does not say 32 pixels");
    refuse_settings("{\"num_head_channels\": 24}", PB_FORMAT,
                    "says 24 channels for each head, into which");
    refuse_settings("{\"num_head_channels\": -1, \"num_heads\": 5}", PB_FORMAT, "says 5 heads");
}

/* What is said and not read, and what is no setting. */
static void test_settings(void **state)
{
    (void)state;
    refuse_settings("{\"noise_schedule\": \"linear0.025\"}", PB_UNSUPPORTED,
                    "noise_schedule: expected linear or cosine");
    refuse_settings("{\"timestep_respacing\": \"ddim25\"}", PB_UNSUPPORTED, "a respaced schedule");
    refuse_settings("{\"timestep_respacing\": \"1000x\"}", PB_UNSUPPORTED, "a respaced schedule");
    refuse_settings("{\"timestep_respacing\": \"500,500\"}", PB_UNSUPPORTED, "a respaced schedule");
    refuse_settings("{\"timestep_respacing\": 250}", PB_UNSUPPORTED, "a respaced schedule");
    refuse_settings("{\"diffusion_steps\": 4000}", PB_INVALID,
                    "rescale_timesteps: the network may be given timesteps of the 4000 as they "
                    "are (false)");
    refuse_settings("{\"training_mode\": \"edm\"}", PB_UNSUPPORTED, "consistency model");
    refuse_settings("{\"large_size\": 256}", PB_UNSUPPORTED, "an upsampler");
    refuse_settings("{\"num_head_channels\": -1, \"num_heads_upsample\": 2}", PB_UNSUPPORTED,
                    "as many heads on the way up");
    refuse_settings("{\"num_head_chanels\": 64}", PB_UNSUPPORTED, "num_head_chanels");
    refuse_settings("{\"num_heads\": \"four\"}", PB_FORMAT, "num_heads: expected");
    refuse_settings("{\"channel_mult\": \"1;2\"}", PB_FORMAT, "channel_mult: expected");
    refuse_settings("{\"channel_mult\": \"1,2x\"}", PB_FORMAT, "channel_mult: expected");
    refuse_settings("{\"channel_mult\": \"1e300,2\"}", PB_FORMAT, "channel_mult: item 0: expected");
    refuse_settings("{\"attention_resolutions\": \"x\"}", PB_FORMAT,
                    "attention_resolutions: expected");
    refuse_settings("{\"image_size\": 0}", PB_FORMAT, "image_size: expected");
}

/* Several readings fit: the message names them, and what decides. */
static void test_asked(void **state)
{
    json_t *list = pixel_shapes("adm-scale-shift");

    (void)state;
    refuse_list(list, PB_INVALID, "4 heads (\"num_heads\": 4), one head (\"num_heads\": 1)");
    expect_refused(NULL, PB_INVALID, "{\"num_head_channels\": 64} into");
    expect_refused(NULL, PB_INVALID, "/m.json, with");
    scratch_write(&here, "m.yaml", "image_size: 32\n", 15);
    expect_refused(NULL, PB_INVALID, "/m.yaml, with");
    scratch_write(&here, "m.yaml", "num_heads: 2\n", 13);
    expect_refused(NULL, PB_INVALID, "\"image_size\" in");
    scratch_write(&here, "m.json", "{}", 2);
    expect_refused(NULL, PB_INVALID, "m.json and ");
    remove(scratch_path(&here, "m.json").text);
    remove(scratch_path(&here, "m.yaml").text);
    json_decref(list);
    refuse_with("ddpm", "down.1.attn.", NULL, PB_INVALID,
                "attention on 0 levels: with one, the size");
    expect_refused(NULL, PB_INVALID, "/m.yaml says");
    list = pixel_shapes("adm-heads"); /* of 32 channels and 64 */
    refuse_list(list, PB_INVALID, "may have 4 heads (\"num_heads\": 4), one head");
    expect_refused(NULL, PB_INVALID, "a line as {\"num_heads\": 4} into");
    json_decref(list);
}

static void refuse_yaml(const char *text, pb_status status, const char *message)
{
    json_t *list = pixel_shapes("ddpm");

    scratch_write(&here, "m.yml", text, strlen(text));
    refuse_list(list, status, message);
    json_decref(list);
}

/* Settings of the code of DDIM and SDEdit, and files that are no YAML. */
static void test_yaml(void **state)
{
    (void)state;
    refuse_yaml("model: {ch: 64}", PB_FORMAT, "m.yml: model: ch: says 64");
    refuse_yaml("model: {ch_mult: [1, 1]}", PB_FORMAT, "says 1 times 32 channels on level 1");
    refuse_yaml("model: {num_res_blocks: 2}", PB_FORMAT, "num_res_blocks: says 2");
    refuse_yaml("model: {attn_resolutions: [8]}\ndata: {image_size: 32}", PB_FORMAT,
                "attn_resolutions: does not say 16 pixels");
    refuse_yaml("model: {resamp_with_conv: false}", PB_FORMAT, "resamp_with_conv: says false");
    refuse_yaml("model: {chh: 64}", PB_UNSUPPORTED, "chh");
    refuse_yaml("model: 3", PB_UNSUPPORTED, "\"model\": expected settings in parts");
    refuse_yaml("image_size: 256", PB_UNSUPPORTED, "\"image_size\": expected settings in parts");
    refuse_yaml("data: {rescaled: false}", PB_UNSUPPORTED, "pixels from -1 to 1");
    refuse_yaml("data: {logit_transform: true}", PB_UNSUPPORTED, "logit_transform");
    refuse_yaml("diffusion: {beta_schedule: sigmoid}", PB_UNSUPPORTED, "linear or quad");
    refuse_yaml("diffusion: {beta_start: low}", PB_FORMAT, "beta_start: expected");
    refuse_yaml("- 1\n", PB_FORMAT, "m.yml: line 1: expected keys with values");
    refuse_yaml("a: [", PB_FORMAT, "m.yml: line");
    refuse_yaml("a: 1\na: 2\n", PB_FORMAT, "line 2: key \"a\": is there twice");
    refuse_yaml("a: \"b\\0c\"\n", PB_FORMAT, "found a NUL character");
    refuse_yaml("\"b\\0c\": 1\n", PB_FORMAT, "a key, found a NUL character");
    refuse_yaml("a: &a {b: *a}\n", PB_FORMAT, "32 deep");
    refuse_yaml("a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
                PB_FORMAT, "at most 65536 values");
    remove(scratch_path(&here, "m.yml").text);
    scratch_folder(&here, "m.yml");
    expect_refused(NULL, PB_IO, "m.yml: expected a file, found a folder");
    remove(scratch_path(&here, "m.yml").text);
}

/* Every allocation and file operation that fails is an error, and nothing is lost. */
static pb_status open_shapes(void *path, pb_error *error)
{
    pb_model *model;

    PB_TRY(pb_model_open(&model, path, error));
    pb_model_free(model);
    return PB_OK;
}

static void test_injected(void **state)
{
    static const char ddpm[] = "data: {image_size: 32}\nmodel: {ch: 32, attn_resolutions: [16]}\n",
                      adm[] = "{\"num_heads\": 1, \"image_size\": 32}";
    char path[2 * SCRATCH_PATH];

    (void)state;
    snprintf(path, sizeof path, "%s", scratch_path(&here, "m.safetensors").text);
    for (size_t i = 0; i < 2; i++) {
        json_t *list = pixel_shapes(i ? "adm-scale-shift" : "ddpm");
        scratch_write(&here, i ? "m.json" : "m.yaml", i ? adm : ddpm, strlen(i ? adm : ddpm));
        original_write("m.safetensors", list, &(original_file){0});
        assert_true(inject_each(INJECT_MEMORY, open_shapes, NULL, path, false) > 100);
        /* Some only ask what there is. */
        assert_true(inject_each(INJECT_FILES, open_shapes, NULL, path, true) > 5);
        remove(scratch_path(&here, i ? "m.json" : "m.yaml").text);
        json_decref(list);
    }
}

static void test_options(void **state)
{
    json_t *list = pixel_shapes("ddpm");
    char config[2 * SCRATCH_PATH];

    (void)state;
    original_write("m.safetensors", list, &(original_file){0});
    expect_refused(&(pb_model_options){.prediction_type = "w"}, PB_INVALID,
                   "a prediction type \"w\"");
    expect_refused(&(pb_model_options){.schedule = "ddpm"}, PB_INVALID, "a schedule");
    json_decref(list);
    list = pixel_shapes("adm-heads");
    original_write("m.safetensors", list, &(original_file){0});
    scratch_folder(&here, "c");
    scratch_folder(&here, "c/unet");
    scratch_write(&here, "c/unet/config.json", "{\"attention_head_dim\": [1]}", 27);
    snprintf(config, sizeof config, "%s", scratch_path(&here, "c").text);
    expect_refused(&(pb_model_options){.config = config}, PB_FORMAT,
                   "attention_head_dim: expected a whole number");
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_kinds),    SCRATCH_TEST(test_tensors),  SCRATCH_TEST(test_disagreement),
        SCRATCH_TEST(test_settings), SCRATCH_TEST(test_asked),    SCRATCH_TEST(test_yaml),
        SCRATCH_TEST(test_options),  SCRATCH_TEST(test_injected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
