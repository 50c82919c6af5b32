/* Models that are one file in the original layout: the same numbers as from a folder, and what is
 * inferred of the architectures themselves. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "golden.h"
#include "models/model.h"
#include "original.h"
#include "program.h"
#include "torch_file.h"

#define PROMPT "a photo of a smiling young woman"

static const char *const tiny[] = {"sd1-tiny", "sd2-tiny"};

static const char *path_of(const char *name)
{
    static char path[2 * SCRATCH_PATH];

    snprintf(path, sizeof path, "%s", scratch_path(&here, name).text);
    return path;
}

static const char *folder_of(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, GOLDEN "%s", name);
    return path;
}

static pb_model *open_file(const char *name, const pb_model_options *options)
{
    pb_model *model;

    MUST(pb_model_open_with(&model, path_of(name), options, error));
    return model;
}

/* -- numbers --------------------------------------------------------------------------------- */

/* What a model computes: eps at a point under a prompt, the prompt's embedding, a latent. */
typedef struct values {
    float *eps, *embedding, *latent;
    size_t eps_count, embedding_count, latent_count;
} values;

static void clear(values *v)
{
    pb_free(v->eps);
    pb_free(v->embedding);
    pb_free(v->latent);
}

static void embed(values *v, const pb_model *model)
{
    pb_text_encoder *text;
    uint32_t *ids;
    size_t length;

    MUST(pb_text_encoder_open(&text, model, error));
    length = pb_text_encoder_length(text);
    v->embedding_count = length * pb_text_encoder_width(text);
    v->embedding = pb_malloc(v->embedding_count, sizeof *v->embedding);
    ids = pb_malloc(length, sizeof *ids);
    MUST(pb_text_encoder_tokens(text, PROMPT, length, ids, NULL, NULL, error));
    MUST(pb_text_encoder_embed(text, 1, length, ids, v->embedding, NULL, NULL, error));
    pb_free(ids);
    pb_text_encoder_free(text);
}

/* The golden input x under the prompt, or under zeros where the model reads none. */
static void predict(values *v, const pb_model *model, const pb_weights *io)
{
    const size_t width = pb_model_get_info(model)->context_width;
    const pb_tensor context = {.rank = 3,
                               .shape = {1, 77, width},
                               .data = v->embedding ? v->embedding
                                                    : pb_calloc(77 * width, sizeof(float))};
    const pb_input input = {.name = "context", .value = &context};
    const pb_condition condition = {
        .timestep = 500, .class_label = -1, .count = 1, .inputs = &input};
    static const char *const taps[] = {"eps"};
    pb_tensor x = golden(io, "x");
    pb_evaluator *e;

    v->eps_count = pb_tensor_count(&x);
    v->eps = pb_malloc(v->eps_count, sizeof *v->eps);
    MUST(pb_evaluator_new(&e, model, x.shape[2], x.shape[3], NULL, error));
    MUST(pb_evaluate(e, &condition, 1, v->eps_count, x.data, 1, taps, &v->eps, error));
    pb_evaluator_free(e);
    pb_tensor_clear(&x);
    if (!v->embedding)
        pb_free(context.data);
}

static void encode(values *v, const pb_model *model, const pb_weights *io)
{
    pb_tensor image = golden(io, "image"), latent = PB_TENSOR_EMPTY;
    pb_autoencoder *a;

    MUST(pb_autoencoder_open(&a, model, error));
    MUST(pb_encode(a, &image, &latent, NULL, error));
    v->latent = latent.data;
    v->latent_count = pb_tensor_count(&latent);
    pb_tensor_clear(&image);
    pb_autoencoder_free(a);
}

/* All that the model has; frees it. */
static values compute(pb_model *model, const char *golden_folder)
{
    const pb_model_info *info = pb_model_get_info(model);
    pb_weights *io;
    values v = {0};
    char path[512];

    snprintf(path, sizeof path, GOLDEN "%s/io.safetensors", golden_folder);
    MUST(pb_weights_open(&io, path, error));
    if (info->has_text_encoder)
        embed(&v, model);
    predict(&v, model, io);
    if (info->has_autoencoder)
        encode(&v, model, io);
    pb_weights_free(io);
    pb_model_free(model);
    return v;
}

static values compute_folder(const char *name)
{
    pb_model *model;

    MUST(pb_model_open(&model, folder_of(name), error));
    return compute(model, name);
}

static void assert_same(const float *a, size_t a_count, const float *b, size_t b_count)
{
    assert_int_equal(a_count, b_count);
    assert_true(a_count > 0);
    assert_memory_equal(a, b, a_count * sizeof *a);
}

static void assert_all_same(const values *a, const values *b)
{
    assert_same(a->eps, a->eps_count, b->eps, b->eps_count);
    assert_same(a->embedding, a->embedding_count, b->embedding, b->embedding_count);
    assert_same(a->latent, a->latent_count, b->latent, b->latent_count);
}

/* The file of a list computes what the folder does, bit for bit. */
static void check_same(const json_t *list, const original_file *file, const char *name)
{
    const pb_model_options options = {.config = file->folder};
    values expected = compute_folder(name), found;

    original_write("model.safetensors", list, file);
    found = compute(open_file("model.safetensors", &options), name);
    assert_all_same(&found, &expected);
    clear(&found);
    clear(&expected);
}

static void test_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        json_t *list = original_list(tiny[i]);
        const original_file plain = {.folder = folder_of(tiny[i])};
        const original_file mixed = {.folder = folder_of(tiny[i]), .mixed = true};

        check_same(list, &plain, tiny[i]);
        check_same(list, &mixed, tiny[i]);
        json_decref(list);
    }
}

/* As torch.save writes it: the tensors alone, and as Lightning wraps them. */
static void test_checkpoint(void **state)
{
    static const char *const wrappers[] = {NULL, "state_dict"};
    const original_file file = {.folder = folder_of("sd1-tiny")};
    const pb_model_options options = {.config = file.folder};
    json_t *list = original_list("sd1-tiny");
    values expected = compute_folder("sd1-tiny");
    pb_weights *weights;

    (void)state;
    original_write("model.safetensors", list, &file);
    MUST(pb_weights_open(&weights, path_of("model.safetensors"), error));
    for (size_t i = 0; i < 2; i++) {
        values found;
        write_torch(path_of("model.ckpt"), weights, 0, pb_weights_count(weights), wrappers[i]);
        found = compute(open_file("model.ckpt", &options), "sd1-tiny");
        assert_all_same(&found, &expected);
        clear(&found);
    }
    pb_weights_free(weights);
    clear(&expected);
    json_decref(list);
}

/* CLIP's names as they were before transformers 4.31, averages beside, and what training leaves. */
static void test_contents(void **state)
{
    const original_file file = {.folder = folder_of("sd1-tiny")};
    json_t *list = original_list("sd1-tiny");

    (void)state;
    original_rename(list, "cond_stage_model.transformer.text_model.",
                    "cond_stage_model.transformer.");
    original_add(list, "model_ema.diffusion_modelout2weight", "F32", "[4, 16, 3, 3]");
    original_add(list, "model_ema.decay", "F32", "[]");
    original_add(list, "model_ema.num_updates", "I64", "[]");
    original_add(list, "alphas_cumprod", "F32", "[1000]");
    original_add(list, "first_stage_model.loss.logvar", "F32", "[]");
    original_add(list, "cond_stage_model.logit_scale", "F32", "[]");
    check_same(list, &file, "sd1-tiny");
    expect(program(here.folder, "info -m model.safetensors --config " GOLDEN "sd1-tiny"), 0, NULL);
    assert_non_null(
        strstr(program(here.folder, "info -m model.safetensors --config " GOLDEN "sd1-tiny")->out,
               "averaged ones, model_ema."));
    json_decref(list);
}

/* Its prefixes, and a U-Net alone, which reads no prompts. */
static void test_prefixes(void **state)
{
    static const char *const prefixes[] = {"model.diffusion_model.", "diffusion_model.", "model.",
                                           ""};
    const original_file file = {.folder = folder_of("sd1-tiny")};
    const pb_model_options options = {.config = file.folder};
    values expected = {0};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        json_t *list = original_list("sd1-tiny");
        const pb_model_info *info;
        pb_model *model;
        pb_text_encoder *text;
        values found;

        original_keep(list, prefixes[0]);
        original_rename(list, prefixes[0], prefixes[i]);
        original_write("unet.safetensors", list, &file);
        model = open_file("unet.safetensors", &options);
        info = pb_model_get_info(model);
        assert_false(info->has_text_encoder || info->has_tokenizer || info->has_autoencoder);
        assert_true(info->latent);
        REFUSED(pb_text_encoder_open(&text, model, error),
                "has no text_encoder: prompts cannot be read, not the empty one either");
        found = compute(model, "sd1-tiny");
        if (i == 0)
            expected = found;
        else {
            assert_same(found.eps, found.eps_count, expected.eps, expected.eps_count);
            clear(&found);
        }
        json_decref(list);
    }
    clear(&expected);
}

/* -- autoencoders ---------------------------------------------------------------------------- */

/* An autoencoder in the names of another, with a prefix or not, its folder or a pipeline's: that of
 * sd2-tiny with sd1-tiny's U-Net. */
static void test_vae(void **state)
{
    static const char *const given[] = {"bare.safetensors", "whole.safetensors",
                                        GOLDEN "sd2-tiny/vae", GOLDEN "sd2-tiny",
                                        GOLDEN "sd2-tiny/vae/diffusion_pytorch_model.safetensors"};
    const original_file of_2 = {.folder = folder_of("sd2-tiny")};
    json_t *list = original_list("sd2-tiny");
    pb_weights *io;

    (void)state;
    MUST(pb_weights_open(&io, GOLDEN "sd1-tiny/io.safetensors", error));
    original_write("whole.safetensors", list, &of_2);
    original_keep(list, "first_stage_model.");
    original_rename(list, "first_stage_model.", "");
    original_write("bare.safetensors", list, &of_2);
    json_decref(list);
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        /* A file that says no groups is read by the family's rule, which this one is not of. */
        const bool fits = i >= 2;
        pb_model_options options = {.vae = given[i][0] == '/' ? given[i] : path_of(given[i])};
        pb_autoencoder *a;
        pb_model *model;
        pb_error why = {0};

        MUST(pb_model_open_with(&model, GOLDEN "sd1-tiny", &options, error));
        if (fits) {
            values expected = compute_folder("sd1-tiny"), v = {0};
            MUST(pb_autoencoder_open(&a, model, error));
            assert_int_equal(pb_autoencoder_get_info(a).factor, 4);
            pb_autoencoder_free(a);
            encode(&v, model, io);
            assert_int_not_equal(v.latent_count, expected.latent_count);
            clear(&v);
            clear(&expected);
        } else {
            assert_int_equal(pb_autoencoder_open(&a, model, &why), PB_FORMAT);
            assert_non_null(strstr(why.message, "do not divide into 32 groups"));
            assert_non_null(strstr(why.message, ".safetensors: "));
        }
        pb_model_free(model);
    }
    pb_weights_free(io);
}

/* -- architectures --------------------------------------------------------------------------- */

/* Opens an architecture by its shapes alone. */
static pb_model *open_shapes(const char *name, const char *metadata,
                             const pb_model_options *options)
{
    const original_file file = {.metadata = metadata};
    json_t *list = original_list(name);

    original_write("shapes.safetensors", list, &file);
    json_decref(list);
    return open_file("shapes.safetensors", options);
}

static void test_architecture_1(void **state)
{
    pb_model *m = open_shapes("v1-5", NULL, NULL);
    const pb_model_info *info = pb_model_get_info(m);

    (void)state;
    assert_int_equal(info->parameters, 859520964);
    assert_int_equal(info->sample_height, 64);
    assert_int_equal(info->steps_offset, 1);
    assert_false(info->set_alpha_to_one);
    assert_true(info->has_autoencoder && info->has_tokenizer && info->has_text_encoder);
    original_check(m, PB_ROLE_UNET,
                   "{\"in_channels\": 4, \"out_channels\": 4, \"layers_per_block\": 2,"
                   "\"block_out_channels\": [320, 640, 1280, 1280],"
                   "\"attention_head_dim\": [8, 8, 8, 8], \"cross_attention_dim\": 768,"
                   "\"use_linear_projection\": false, \"down_block_types\": "
                   "[\"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\","
                   "\"DownBlock2D\"], \"up_block_types\": [\"UpBlock2D\", \"CrossAttnUpBlock2D\","
                   "\"CrossAttnUpBlock2D\", \"CrossAttnUpBlock2D\"]}");
    original_check(m, PB_ROLE_VAE,
                   "{\"block_out_channels\": [128, 256, 512, 512], \"layers_per_block\": 2,"
                   "\"latent_channels\": 4, \"in_channels\": 3, \"use_quant_conv\": true,"
                   "\"mid_block_add_attention\": true}");
    original_check(m, PB_ROLE_TEXT_ENCODER,
                   "{\"hidden_size\": 768, \"num_hidden_layers\": 12, \"num_attention_heads\": 12,"
                   "\"intermediate_size\": 3072, \"hidden_act\": \"quick_gelu\","
                   "\"vocab_size\": 49408, \"max_position_embeddings\": 77}");
    original_check(m, PB_ROLE_SCHEDULER,
                   "{\"prediction_type\": \"epsilon\", \"beta_schedule\": \"scaled_linear\","
                   "\"beta_start\": 0.00085, \"beta_end\": 0.012, \"num_train_timesteps\": 1000,"
                   "\"steps_offset\": 1, \"clip_sample\": false, \"set_alpha_to_one\": false}");
    pb_model_free(m);
}

static void test_architecture_2(void **state)
{
    const pb_model_options v = {.prediction_type = "v_prediction"};
    pb_model *m = open_shapes("v2-1", NULL, &v);

    (void)state;
    assert_int_equal(pb_model_get_info(m)->parameters, 865910724);
    assert_int_equal(pb_model_get_info(m)->sample_height, 96);
    original_check(m, PB_ROLE_UNET,
                   "{\"attention_head_dim\": [5, 10, 20, 20], \"cross_attention_dim\": 1024,"
                   "\"use_linear_projection\": true}");
    original_check(m, PB_ROLE_TEXT_ENCODER,
                   "{\"hidden_size\": 1024, \"num_hidden_layers\": 23, \"num_attention_heads\": 16,"
                   "\"intermediate_size\": 4096, \"hidden_act\": \"gelu\"}");
    original_check(m, PB_ROLE_SCHEDULER, "{\"prediction_type\": \"v_prediction\"}");
    pb_model_free(m);
}

/* What is predicted: said by an option, the metadata, a .yaml; for 2.x by one of them at least. */
static void test_prediction(void **state)
{
    static const char v_yaml[] = "model:\n  params:\n    parameterization: \"v\"\n"
                                 "    linear_start: 0.00085\n    linear_end: 0.0120\n",
                      eps_yaml[] = "model:\n  params:\n    timesteps: 1000\n";
    static const char v_meta[] = "{\"modelspec.prediction_type\": \"v\"}",
                      eps_meta[] = "{\"modelspec.architecture\": \"stable-diffusion-v2-512\"}",
                      v_arch[] = "{\"modelspec.architecture\": \"stable-diffusion-v2-768-v\","
                                 "\"modelspec.resolution\": \"640x640\"}";
    static const struct {
        const char *shapes, *metadata, *yaml, *option, *expected;
        size_t size;
    } cases[] = {
        {"v2-1", NULL, NULL, "epsilon", "epsilon", 64},
        {"v2-1", v_meta, NULL, NULL, "v_prediction", 96},
        {"v2-1", eps_meta, NULL, NULL, "epsilon", 64},
        {"v2-1", v_arch, NULL, NULL, "v_prediction", 80},
        {"v2-1", NULL, v_yaml, NULL, "v_prediction", 96},
        {"v2-1", NULL, eps_yaml, NULL, "epsilon", 64},
        {"v2-1", v_meta, eps_yaml, "epsilon", "epsilon", 64},
        {"v1-5", NULL, NULL, "v_prediction", "v_prediction", 64},
        {"v1-5", v_meta, NULL, NULL, "v_prediction", 64},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const pb_model_options options = {.prediction_type = cases[i].option};
        pb_model *m;
        const pb_model_info *info;

        if (cases[i].yaml)
            scratch_write(&here, "shapes.yaml", cases[i].yaml, strlen(cases[i].yaml));
        m = open_shapes(cases[i].shapes, cases[i].metadata, &options);
        info = pb_model_get_info(m);
        assert_string_equal(pb_prediction_name(pb_schedule_prediction(pb_model_schedule(m))),
                            cases[i].expected);
        assert_int_equal(info->sample_width, cases[i].size);
        assert_non_null(strstr(info->inferred, cases[i].expected));
        pb_model_free(m);
        remove(scratch_path(&here, "shapes.yaml").text);
    }
}

/* A .yaml beside says heads and the schedule too. */
static void test_yaml(void **state)
{
    static const char yaml[] = "model:\n  target: ldm\n  params:\n    linear_start: 0.001\n"
                               "    scale_factor: 0.2\n    unet_config:\n      params:\n"
                               "        num_heads: 10\n";
    pb_autoencoder *a;
    pb_model *m;

    (void)state;
    scratch_write(&here, "shapes.yaml", yaml, strlen(yaml));
    m = open_shapes("v1-5", NULL, NULL);
    original_check(m, PB_ROLE_UNET, "{\"attention_head_dim\": [10, 10, 10, 10]}");
    original_check(m, PB_ROLE_SCHEDULER, "{\"beta_start\": 0.001, \"beta_end\": 0.012}");
    MUST(pb_autoencoder_open(&a, m, error));
    assert_float_equal(pb_autoencoder_get_info(a).scaling, 0.2, 1e-12);
    pb_autoencoder_free(a);
    pb_model_free(m);
}

/* -- the program ------------------------------------------------------------------------------ */

/* info says what was inferred, of files only; a study keeps what the model was opened with. */
static void test_program(void **state)
{
    const original_file file = {.folder = folder_of("sd1-tiny")};
    json_t *list = original_list("sd1-tiny"), *found, *settings;

    (void)state;
    original_write("m.safetensors", list, &file);
    json_decref(list);
    found =
        object_of(program(here.folder, "info m.safetensors --json --config " GOLDEN "sd1-tiny"));
    assert_string_equal(json_string_value(json_object_get(found, "weights")), "m.safetensors");
    assert_true(json_array_size(json_object_get(found, "inferred")) == 0);
    json_decref(found);
    original_write("shapes.safetensors", list = original_list("v1-5"), &(original_file){0});
    json_decref(list);
    found = object_of(program(here.folder, "info shapes.safetensors --json"));
    assert_true(json_array_size(json_object_get(found, "inferred")) > 4);
    json_decref(found);
    expect(program(here.folder, "study timesteps -m m.safetensors --config " GOLDEN "sd1-tiny "
                                "--vae " GOLDEN "sd1-tiny/vae --prediction-type v_prediction "
                                "--samples 1 --timesteps 2 --steps 4 --rank 2 --boost 0 "
                                "--catalogue c.sqlite -q -o study"),
           0, NULL);
    settings = json_load_file(scratch_path(&here, "study/settings.json").text, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(settings, "prediction_type")),
                        "v_prediction");
    assert_string_equal(json_string_value(json_object_get(settings, "vae")), GOLDEN "sd1-tiny/vae");
    assert_string_equal(json_string_value(json_object_get(settings, "config")), GOLDEN "sd1-tiny");
    json_decref(settings);
    expect(program(here.folder, "study timesteps --settings study/settings.json "
                                "--catalogue c.sqlite -q -o again"),
           0, NULL);
    expect(program(here.folder, "sample -m m.safetensors --config " GOLDEN "sd1-tiny -n 1 -s 2 "
                                "-o m.safetensors"),
           2, NULL);
    expect(program(here.folder, "info m.safetensors --prediction-type w"), 2, "v_prediction");
}

/* -- identity -------------------------------------------------------------------------------- */

static void hash(const char *name, const pb_model_options *options, char found[65],
                 char **signed_by)
{
    pb_model *m = open_file(name, options);

    MUST(pb_model_hash(m, found, NULL, error));
    if (signed_by)
        MUST(pb_model_signature(m, signed_by, error));
    pb_model_free(m);
}

/* The hash is of the file's bytes and of what decides; not of its name. */
static void test_identity(void **state)
{
    const original_file file = {.folder = folder_of("sd2-tiny")};
    pb_model_options options = {.config = file.folder};
    json_t *list = original_list("sd2-tiny");
    char first[65], found[65], *sign_first, *sign_found;
    unsigned char *bytes;
    size_t count;

    (void)state;
    original_write("a.safetensors", list, &file);
    bytes = scratch_read(&here, "a.safetensors", &count);
    hash("a.safetensors", &options, first, &sign_first);
    scratch_write(&here, "b.safetensors", bytes, count);
    hash("b.safetensors", &options, found, NULL);
    assert_string_equal(found, first);
    bytes[count - 3] ^= 1;
    scratch_write(&here, "b.safetensors", bytes, count);
    hash("b.safetensors", &options, found, NULL);
    assert_string_not_equal(found, first);
    free(bytes);

    options.prediction_type = "v_prediction"; /* as the folder of configs says */
    hash("a.safetensors", &options, found, NULL);
    assert_string_equal(found, first);
    options.prediction_type = "epsilon";
    hash("a.safetensors", &options, found, &sign_found);
    assert_string_not_equal(found, first);
    assert_string_not_equal(sign_found, sign_first);
    options.prediction_type = NULL;
    options.vae = GOLDEN "sd1-tiny/vae";
    hash("a.safetensors", &options, found, NULL);
    assert_string_not_equal(found, first);
    pb_text_free(sign_first);
    pb_text_free(sign_found);
    json_decref(list);
}

/* A folder's own autoencoder given by hand is what it was. */
static void test_identity_of_vae(void **state)
{
    const pb_model_options own = {.vae = GOLDEN "sd1-tiny/vae"}, other = {.vae = GOLDEN "sd2-tiny"};
    char first[65], found[65];
    pb_model *m;

    (void)state;
    MUST(pb_model_open(&m, GOLDEN "sd1-tiny", error));
    MUST(pb_model_hash(m, first, NULL, error));
    pb_model_free(m);
    MUST(pb_model_open_with(&m, GOLDEN "sd1-tiny", &own, error));
    MUST(pb_model_hash(m, found, NULL, error));
    pb_model_free(m);
    assert_string_equal(found, first);
    MUST(pb_model_open_with(&m, GOLDEN "sd1-tiny", &other, error));
    MUST(pb_model_hash(m, found, NULL, error));
    pb_model_free(m);
    assert_string_not_equal(found, first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_same),
        SCRATCH_TEST(test_checkpoint),
        SCRATCH_TEST(test_contents),
        SCRATCH_TEST(test_prefixes),
        SCRATCH_TEST(test_vae),
        SCRATCH_TEST(test_architecture_1),
        SCRATCH_TEST(test_architecture_2),
        SCRATCH_TEST(test_prediction),
        SCRATCH_TEST(test_yaml),
        SCRATCH_TEST(test_program),
        SCRATCH_TEST(test_identity),
        cmocka_unit_test(test_identity_of_vae),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
