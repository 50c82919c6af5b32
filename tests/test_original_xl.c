/* Stable Diffusion XL as one file in the original layout: the same bits as from a folder, and what
 * is inferred of the architecture itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "models/model.h"
#include "original.h"
#include "program.h"

#define XL GOLDEN "sdxl-tiny"

static void write_file(const char *list_name, const char *folder, const char *metadata, bool v_pred,
                       bool ztsnr)
{
    const original_file file = {.folder = folder, .metadata = metadata};
    json_t *list = original_list(list_name);

    original_add(list, "conditioner.embedders.1.model.logit_scale", "F32", "[]");
    original_add(list, "denoiser.sigmas", "F32", "[1000]");
    if (v_pred)
        original_add(list, "v_pred", "F32", "[0]");
    if (ztsnr)
        original_add(list, "ztsnr", "F32", "[0]");
    original_write("xl.safetensors", list, &file);
    json_decref(list);
}

static void assert_same_files(const char *a, const char *b)
{
    size_t a_size, b_size;
    unsigned char *left = scratch_read(&here, a, &a_size);
    unsigned char *right = scratch_read(&here, b, &b_size);

    assert_true(a_size > 200);
    assert_int_equal(a_size, b_size);
    assert_memory_equal(left, right, a_size);
    free(left);
    free(right);
}

/* Prompts by both encoders, the projected one among them, eps and latents. */
static void test_same(void **state)
{
    static const char *const models[] = {XL, "xl.safetensors --config " XL};
    pb_weights *io;

    (void)state;
    MUST(pb_weights_open(&io, XL "/io.safetensors", error));
    for (int i = 0; i < 2; i++) {
        static const char *const inputs[] = {"x", "image"};
        pb_tensor value = golden(io, "%s", inputs[i]);
        char name[80];
        snprintf(name, sizeof name, "%s.npy", inputs[i]);
        MUST(pb_npy_write(&value, scratch_path(&here, name).text, error));
        pb_tensor_clear(&value);
    }
    pb_weights_free(io);
    write_file("sdxl-tiny", XL, NULL, false, false);
    for (int i = 0; i < 2; i++) {
        expect(program(here.folder, "prompt -q -m %s -o e%d.npy --pooled p%d.npy a\tsmiling\tcat",
                       models[i], i, i),
               0, NULL);
        expect(program(here.folder,
                       "eval -q -m %s --x x.npy --timestep 500 --prompt cat --tap eps -o o%d.npy",
                       models[i], i),
               0, NULL);
        expect(program(here.folder, "encode -q -m %s image.npy -o l%d.npy", models[i], i), 0, NULL);
        expect(program(here.folder, "sample -q -m %s --seed 5 -n 1 --steps 3 -o s%d.npy", models[i],
                       i),
               0, NULL);
    }
    assert_same_files("e0.npy", "e1.npy");
    assert_same_files("p0.npy", "p1.npy");
    assert_same_files("o0.npy", "o1.npy");
    assert_same_files("l0.npy", "l1.npy");
    assert_same_files("s0.npy", "s1.npy");
}

static pb_model *open_shapes(const char *metadata, bool v_pred, bool ztsnr)
{
    pb_model *model;

    write_file("xl", NULL, metadata, v_pred, ztsnr);
    MUST(pb_model_open(&model, scratch_path(&here, "xl.safetensors").text, error));
    return model;
}

static void test_architecture(void **state)
{
    pb_model *m =
        open_shapes("{\"modelspec.architecture\": \"stable-diffusion-xl-v1-base\"}", false, false);
    const pb_model_info *info = pb_model_get_info(m);

    (void)state;
    assert_int_equal(info->parameters, 2567463684);
    assert_int_equal(info->sample_height, 128);
    assert_int_equal(info->context_width, 2048);
    assert_int_equal(info->pooled_width, 1280);
    assert_int_equal(info->steps_offset, 1);
    assert_true(info->has_autoencoder && info->has_tokenizer && info->has_text_encoder);
    assert_true(info->has_tokenizer_2 && info->has_text_encoder_2);
    original_check(m, PB_ROLE_UNET,
                   "{\"in_channels\": 4, \"block_out_channels\": [320, 640, 1280],"
                   "\"transformer_layers_per_block\": [1, 2, 10],"
                   "\"attention_head_dim\": [5, 10, 20], \"use_linear_projection\": true,"
                   "\"addition_embed_type\": \"text_time\", \"addition_time_embed_dim\": 256,"
                   "\"projection_class_embeddings_input_dim\": 2816,"
                   "\"down_block_types\": [\"DownBlock2D\", \"CrossAttnDownBlock2D\","
                   "\"CrossAttnDownBlock2D\"]}");
    original_check(m, PB_ROLE_TEXT_ENCODER,
                   "{\"hidden_size\": 768, \"num_hidden_layers\": 12,"
                   "\"num_attention_heads\": 12, \"hidden_act\": \"quick_gelu\"}");
    original_check(m, PB_ROLE_TEXT_ENCODER_2,
                   "{\"hidden_size\": 1280, \"num_hidden_layers\": 32,"
                   "\"num_attention_heads\": 20, \"intermediate_size\": 5120,"
                   "\"projection_dim\": 1280, \"hidden_act\": \"gelu\"}");
    original_check(m, PB_ROLE_VAE, "{\"scaling_factor\": 0.13025, \"latent_channels\": 4}");
    original_check(m, PB_ROLE_SCHEDULER,
                   "{\"_class_name\": \"EulerDiscreteScheduler\","
                   "\"prediction_type\": \"epsilon\", \"rescale_betas_zero_snr\": false}");
    assert_non_null(strstr(program(here.folder, "info -m xl.safetensors")->out,
                           "latents scaled by 0.13025 (Stable Diffusion XL)"));
    pb_model_free(m);
}

/* Tensors of no numbers, whose names say what the network was trained to predict. */
static void test_markers(void **state)
{
    pb_model *m = open_shapes(NULL, true, false);

    (void)state;
    original_check(m, PB_ROLE_SCHEDULER, "{\"prediction_type\": \"v_prediction\"}");
    pb_model_free(m);
    m = open_shapes(NULL, true, true);
    original_check(m, PB_ROLE_SCHEDULER,
                   "{\"prediction_type\": \"v_prediction\", \"rescale_betas_zero_snr\": true}");
    pb_model_free(m);
    write_file("xl", NULL, "{\"modelspec.prediction_type\": \"epsilon\"}", true, false);
    expect(program(here.folder, "info -m xl.safetensors"), 1, "--prediction-type says which");
    expect(program(here.folder, "info -m xl.safetensors --prediction-type epsilon"), 0, NULL);
}

/* The config of XL's own code beside the file: the class that scales the output says it. */
static void test_yaml(void **state)
{
    static const struct {
        const char *class, *expected;
    } cases[] = {{"EpsScaling", "{\"prediction_type\": \"epsilon\"}"},
                 {"VScaling", "{\"prediction_type\": \"v_prediction\"}"}};
    static const char text[] =
        "model:\n  params:\n    scale_factor: 0.13025\n"
        "    denoiser_config:\n      params:\n        scaling_config:\n"
        "          target: sgm.modules.diffusionmodules.denoiser_scaling.%s\n"
        "    network_config:\n      params:\n"
        "        num_head_channels: %d\n";
    char written[1000];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int n = snprintf(written, sizeof written, text, cases[i].class, 32);
        pb_model *m;
        scratch_write(&here, "xl.yaml", written, (size_t)n);
        m = open_shapes(NULL, false, false);
        original_check(m, PB_ROLE_SCHEDULER, cases[i].expected);
        original_check(m, PB_ROLE_UNET, "{\"attention_head_dim\": [10, 20, 40]}");
        pb_model_free(m);
    }
    scratch_write(&here, "xl.yaml", written,
                  (size_t)snprintf(written, sizeof written, text, "EDMScaling", 64));
    expect(program(here.folder, "info -m xl.safetensors"), 1, "EDMScaling");
    scratch_write(&here, "xl.yaml", written,
                  (size_t)snprintf(written, sizeof written, text, "EpsScaling", 64));
    write_file("xl", NULL, NULL, true, false);
    expect(program(here.folder, "info -m xl.safetensors"), 1,
           "v_pred in the file says v_prediction, the .yaml beside the file epsilon");
}

/* Files of the same kind that are something else. */
static void test_refused(void **state)
{
    static const struct {
        const char *name, *shape, *message;
    } cases[] = {
        {"conditioner.embedders.0.model.ln_final.bias", "[1280]", "the refiner"},
        {"model.diffusion_model.label_emb.0.0.weight", "[1280, 2560]", "the refiner"},
        {"model.diffusion_model.input_blocks.0.0.weight", "[320, 9, 3, 3]", "for inpainting"},
        {"edm_mean", "[1, 4, 1, 1]", "tensor \"edm_mean\""},
        {"model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k.weight",
         "[1280, 1280]", "expected 2048, with linear projections"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const original_file file = {.folder = NULL};
        json_t *list = original_list("xl");
        original_add(list, cases[i].name, "F16", cases[i].shape);
        original_write("xl.safetensors", list, &file);
        json_decref(list);
        expect(program(here.folder, "info -m xl.safetensors"), 1, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_same), SCRATCH_TEST(test_architecture), SCRATCH_TEST(test_markers),
        SCRATCH_TEST(test_yaml), SCRATCH_TEST(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
