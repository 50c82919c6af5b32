/* Networks that see pixels as one file, in the names of DDPM and of guided-diffusion: the numbers
 * of their papers' networks, those of a folder, and what is inferred. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "golden.h"
#include "models/model.h"
#include "original.h"
#include "pixel.h"
#include "program.h"
#include "torch_file.h"

static const char *const names[] = {"ddpm", "adm-scale-shift", "adm-heads", "adm-classes"};

#define NAMES (sizeof names / sizeof *names)

static const char *path_of(const char *name)
{
    static char path[2 * SCRATCH_PATH];

    snprintf(path, sizeof path, "%s", scratch_path(&here, name).text);
    return path;
}

static pb_model *open_file(const char *name, const pb_model_options *options)
{
    pb_model *model;

    MUST(pb_model_open_with(&model, path_of(name), options, error));
    return model;
}

/* eps of a model at a point; the caller frees it. */
static float *predict(const pb_model *model, const pb_tensor *x, double timestep, long label)
{
    static const char *const taps[] = {"eps"};
    const size_t count = pb_tensor_count(x);
    const pb_condition condition = {.timestep = timestep, .class_label = label};
    float *eps = pb_malloc(count, sizeof *eps);
    pb_evaluator *e;

    MUST(pb_evaluator_new(&e, model, x->shape[2], x->shape[3], NULL, error));
    MUST(pb_evaluate(e, &condition, 1, count, x->data, 1, taps, &eps, error));
    pb_evaluator_free(e);
    return eps;
}

/* Does a file compute the golden values on a backend? Of a learned variance the first half. */
static void check_values_by(const char *backend, double tolerance, const char *file,
                            const char *name, const json_t *golden_list)
{
    pb_weights *io;
    pb_tensor x, out;
    pb_model *model;
    float *eps;

    MUST(pb_weights_open(&io, GOLDEN "pixel/io.safetensors", error));
    x = golden(io, "%s.x", name);
    out = golden(io, "%s.out", name);
    model = open_file(file, &(pb_model_options){.backend = backend});
    eps = predict(model, &x, (double)json_integer_value(json_object_get(golden_list, "timestep")),
                  (long)json_integer_value(json_object_get(golden_list, "label")));
    assert_near(name, eps, out.data, pb_tensor_count(&x), tolerance);
    pb_free(eps);
    pb_tensor_clear(&x);
    pb_tensor_clear(&out);
    pb_weights_free(io);
    pb_model_free(model);
}

static void check_values(const char *file, const char *name, const json_t *golden_list)
{
    check_values_by("cpu", 1e-5, file, name, golden_list);
}

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < NAMES; i++) {
        json_t *list = pixel_golden(names[i]);
        pixel_write("m.safetensors", list, "");
        pixel_settings("m.json", list, NULL);
        check_values("m.safetensors", names[i], list);
        check_values_by("reference", 3e-6, "m.safetensors", names[i], list);
        json_decref(list);
    }
}

/* Wrapped in several ways; of several networks in a file the averaged one. */
static void test_wrappers(void **state)
{
    static const char *const befores[] = {"module.", "model.", "ema.", "model.module."};
    json_t *list = pixel_golden("ddpm"), *other = pixel_golden("adm-scale-shift");
    pb_weights *w, *wrong, *items[5] = {NULL};

    (void)state;
    for (size_t i = 0; i < sizeof befores / sizeof *befores; i++) {
        pixel_write("m.safetensors", list, befores[i]);
        check_values("m.safetensors", "ddpm", list);
    }
    pixel_write("w.safetensors", list, "");
    MUST(pb_weights_open(&w, path_of("w.safetensors"), error));
    write_torch(path_of("m.ckpt"), w, 0, pb_weights_count(w), "state_dict");
    check_values("m.ckpt", "ddpm", list);
    write_torch(path_of("m.ckpt"), w, 0, pb_weights_count(w), "ema");
    check_values("m.ckpt", "ddpm", list);

    /* [model, optimizer, epoch, step, averaged], as the code of DDIM saves them. */
    pixel_write("wrong.safetensors", list, "module."); /* its numbers do not matter here */
    MUST(pb_weights_open(&wrong, path_of("wrong.safetensors"), error));
    items[0] = wrong;
    items[4] = w;
    write_torch_list(path_of("m.ckpt"), 5, items);
    check_values("m.ckpt", "ddpm", list);
    assert_non_null(strstr(program(here.folder, "info m.ckpt")->out,
                           "the averaged ones, item 4 of the file's list"));
    items[0] = w;
    write_torch_list(path_of("m.ckpt"), 4, items);
    check_values("m.ckpt", "ddpm", list);
    assert_non_null(strstr(program(here.folder, "info m.ckpt")->out, "the plain ones, item 0"));
    pb_weights_free(wrong);
    pb_weights_free(w);
    pixel_write("m.safetensors", other, "module.");
    pixel_settings("m.json", other, NULL);
    check_values("m.safetensors", "adm-scale-shift", other);
    json_decref(list);
    json_decref(other);
}

/* As YAML of either ending, and with numbers and words as lists. */
static void test_yaml(void **state)
{
    static const char flags[] = "image_size: 32\nattention_resolutions: 16\nnum_head_channels: 16\n"
                                "timestep_respacing: 1000\n";
    static const char words[] =
        "num_head_channels: 16 # heads\nimage_size: 32\nlearn_sigma: True\nclass_cond: no\n"
        "attention_resolutions: [16, 8]\nchannel_mult: '1,2'\ntimestep_respacing: ''\n";
    static const char alias[] =
        "attention_resolutions: '16'\nnum_head_channels: &a 16\nnum_heads: *a\n"
        "timestep_respacing: '1000'\n";
    static const char *const texts[] = {flags, words, alias};
    static const char *const files[] = {"m.yaml", "m.yml", "m.yaml"};
    json_t *list = pixel_golden("adm-scale-shift");

    (void)state;
    pixel_write("m.safetensors", list, "");
    for (size_t i = 0; i < 3; i++) {
        pb_model *m;
        scratch_write(&here, files[i], texts[i], strlen(texts[i]));
        check_values("m.safetensors", "adm-scale-shift", list);
        m = open_file("m.safetensors", NULL);
        assert_int_equal(pb_model_get_info(m)->sample_height, 32);
        pb_model_free(m);
        remove(path_of(files[i]));
    }
    json_decref(list);
}

/* -- the numbers of a folder ------------------------------------------------------------------ */

/* A folder's configs, as --config takes them. */
static void make_configs(const char *folder)
{
    char from[512];

    scratch_folder(&here, "configs");
    snprintf(from, sizeof from, GOLDEN "%s", folder);
    scratch_copy(&here, from, "configs/unet");
    scratch_copy(&here, from, "configs/scheduler");
}

/* The file of a list computes what the folder does, bit for bit. */
static void check_same(const char *name)
{
    char configs[2 * SCRATCH_PATH], folder[512];
    pb_model *of_folder, *of_file;
    json_t *list = original_list(name);
    pb_weights *io;
    pb_tensor x;
    float *a, *b;
    const char *weights = "configs/unet/diffusion_pytorch_model.safetensors";

    make_configs(name);
    assert_true(scratch_has(&here, weights));
    snprintf(configs, sizeof configs, "%s", path_of("configs"));
    original_write("m.safetensors", list, &(original_file){.folder = configs});
    snprintf(folder, sizeof folder, GOLDEN "%s", name);
    MUST(pb_model_open(&of_folder, folder, error));
    of_file = open_file("m.safetensors", &(pb_model_options){.config = configs});
    snprintf(folder, sizeof folder, GOLDEN "%s/io.safetensors", name);
    MUST(pb_weights_open(&io, folder, error));
    x = golden(io, "x");
    a = predict(of_folder, &x, 500, -1);
    b = predict(of_file, &x, 500, -1);
    assert_memory_equal(a, b, pb_tensor_count(&x) * sizeof *a);
    pb_free(a);
    pb_free(b);
    pb_tensor_clear(&x);
    pb_weights_free(io);
    pb_model_free(of_folder);
    pb_model_free(of_file);
    json_decref(list);
}

static void test_same_ddpm(void **state)
{
    (void)state;
    check_same("unet2d-ddpm");
}

static void test_same_adm(void **state)
{
    static const char order[] = "{\"use_new_attention_order\": true}";

    (void)state;
    scratch_write(&here, "m.json", order, strlen(order));
    check_same("unet2d-modern");
}

/* -- what is inferred -------------------------------------------------------------------------- */

static void test_inferred(void **state)
{
    static const struct {
        const char *name, *unet, *scheduler;
    } cases[] = {
        {"ddpm",
         "{\"sample_size\": 32, \"attention_head_dim\": null, \"norm_eps\": 1e-6, \"freq_shift\": "
         "1,"
         "\"flip_sin_to_cos\": false, \"downsample_padding\": 0, \"layers_per_block\": 1,"
         "\"block_out_channels\": [32, 64],"
         "\"down_block_types\": [\"DownBlock2D\", \"AttnDownBlock2D\"],"
         "\"up_block_types\": [\"AttnUpBlock2D\", \"UpBlock2D\"]}",
         "{\"beta_schedule\": \"linear\", \"beta_start\": 0.0001, \"beta_end\": 0.02,"
         "\"num_train_timesteps\": 1000, \"prediction_type\": \"epsilon\"}"},
        {"adm-scale-shift",
         "{\"sample_size\": 32, \"attention_head_dim\": 16, \"norm_eps\": 1e-5, \"freq_shift\": 0,"
         "\"flip_sin_to_cos\": true, \"out_channels\": 6, \"downsample_type\": \"resnet\","
         "\"upsample_type\": \"resnet\", \"resnet_time_scale_shift\": \"scale_shift\","
         "\"down_block_types\": [\"ResnetDownsampleBlock2D\", \"AttnDownBlock2D\"],"
         "\"attn_norm_num_groups\": 32}",
         "{\"beta_schedule\": \"linear\", \"prediction_type\": \"epsilon\"}"},
        {"adm-heads",
         "{\"attention_head_dim\": [8, 16], \"_timestep_scale\": 0.25, \"downsample_padding\": 1, "
         "\"downsample_type\": "
         "\"conv\","
         "\"resnet_time_scale_shift\": \"default\", \"layers_per_block\": 2}",
         "{\"num_train_timesteps\": 4000, \"beta_schedule\": \"squaredcos_cap_v2\"}"},
        {"adm-classes", "{\"attention_head_dim\": 16, \"num_class_embeds\": 5}",
         "{\"beta_schedule\": \"squaredcos_cap_v2\", \"num_train_timesteps\": 4000}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *list = pixel_golden(cases[i].name);
        pb_model *m;
        pixel_write("m.safetensors", list, "");
        pixel_settings("m.json", list, NULL);
        if (i == 0)
            remove(path_of("m.json"));
        m = open_file("m.safetensors", NULL);
        original_check(m, PB_ROLE_UNET, cases[i].unet);
        original_check(m, PB_ROLE_SCHEDULER, cases[i].scheduler);
        assert_non_null(strstr(pb_model_get_info(m)->inferred, "family: "));
        pb_model_free(m);
        json_decref(list);
    }
}

/* Published architectures by their shapes, with no more settings than have to be. */
static void test_architectures(void **state)
{
    static const char heads[] = "num_head_channels: 64\n";
    static const struct {
        const char *name, *heads;
        size_t parameters;
    } cases[] = {{"celebahq", "{\"attention_head_dim\": null}", 113673219},
                 {"ffhq-p2", "{\"attention_head_dim\": 64}", 93563910}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        json_t *list = original_list(cases[i].name);
        pb_model *m;
        original_write("m.safetensors", list, &(original_file){0});
        if (i == 1)
            scratch_write(&here, "m.yaml", heads, strlen(heads));
        m = open_file("m.safetensors", NULL);
        assert_int_equal(pb_model_get_info(m)->parameters, cases[i].parameters);
        original_check(m, PB_ROLE_UNET, cases[i].heads);
        original_check(m, PB_ROLE_UNET,
                       "{\"sample_size\": 256, \"block_out_channels\": "
                       "[128, 128, 256, 256, 512, 512]}");
        pb_model_free(m);
        json_decref(list);
    }
}

/* What settings say of noise, by either code's names; and what the option does. */
static void test_noise(void **state)
{
    static const char ddpm[] = "data: {image_size: 64, rescaled: true}\n"
                               "model: {ch: 32, ch_mult: [1, 2], num_res_blocks: 1, out_ch: 3,\n"
                               "  attn_resolutions: [32], resamp_with_conv: True}\n"
                               "diffusion: {beta_schedule: quad, beta_start: 0.001,\n"
                               "  beta_end: 0.03, num_diffusion_timesteps: 500}\n"
                               "training: {anything: [1, {a: b}]}\n";
    const pb_model_options option = {.prediction_type = "v_prediction"};
    json_t *list = pixel_golden("ddpm");
    pb_model *m;

    (void)state;
    pixel_write("m.safetensors", list, "");
    scratch_write(&here, "m.yml", ddpm, strlen(ddpm));
    m = open_file("m.safetensors", &option);
    original_check(m, PB_ROLE_UNET, "{\"sample_size\": 64}");
    original_check(m, PB_ROLE_SCHEDULER,
                   "{\"beta_schedule\": \"scaled_linear\", \"beta_start\": 0.001,"
                   "\"beta_end\": 0.03, \"num_train_timesteps\": 500,"
                   "\"prediction_type\": \"v_prediction\"}");
    pb_model_free(m);
    json_decref(list);
    list = pixel_golden("adm-scale-shift");
    pixel_write("n.safetensors", list, "");
    pixel_settings("n.json", list,
                   "{\"diffusion_steps\": 4000, \"rescale_timesteps\": false,"
                   "\"predict_xstart\": true}");
    m = open_file("n.safetensors", NULL);
    original_check(m, PB_ROLE_SCHEDULER,
                   "{\"beta_start\": 0.000025, \"beta_end\": 0.005, \"num_train_timesteps\": 4000,"
                   "\"prediction_type\": \"sample\"}");
    pb_model_free(m);
    json_decref(list);
}

/* The size of pictures, by channels where nothing says it. */
static void test_size(void **state)
{
    json_t *list = pixel_golden("adm-scale-shift");
    pb_model *m;

    (void)state;
    pixel_write("m.safetensors", list, "");
    pixel_settings("m.json", list, "{\"image_size\": null, \"channel_mult\": null}");
    m = open_file("m.safetensors", NULL); /* by attention_resolutions */
    original_check(m, PB_ROLE_UNET, "{\"sample_size\": 32}");
    pb_model_free(m);
    json_decref(list);
}

/* -- the program and the hash ------------------------------------------------------------------ */

static void test_program(void **state)
{
    json_t *list = pixel_golden("adm-classes"), *found;

    (void)state;
    pixel_write("m.safetensors", list, "");
    pixel_settings("m.json", list, NULL);
    json_decref(list);
    found = object_of(program(here.folder, "info m.safetensors --json"));
    assert_true(json_array_size(json_object_get(found, "inferred")) > 6);
    json_decref(found);
    expect(program(here.folder, "sample -m m.safetensors --class 2 -s 2 -n 1 -q -o x.png"), 0,
           NULL);
    expect(program(here.folder, "basis -m m.safetensors --class 2 --seed 1 -s 4 --rank 2 -q "
                                "-o b.safetensors"),
           0, NULL);
    expect(program(here.folder, "edit -m m.safetensors --basis b.safetensors -q -o e.png"), 0,
           NULL);
    assert_true(scratch_has(&here, "e.png"));
}

static void hash(const char *name, char found[65])
{
    pb_model *m = open_file(name, NULL);

    MUST(pb_model_hash(m, found, NULL, error));
    pb_model_free(m);
}

/* It is of the file's bytes and of what settings come to, not of how they say it. */
static void test_identity(void **state)
{
    json_t *list = pixel_golden("adm-scale-shift");
    char first[65], found[65];

    (void)state;
    pixel_write("m.safetensors", list, "");
    pixel_settings("m.json", list, NULL);
    hash("m.safetensors", first);
    pixel_settings("m.json", list, "{\"dropout\": 0.1, \"num_heads\": \"-\"}");
    hash("m.safetensors", found);
    assert_string_equal(found, first);
    pixel_settings("m.json", list, "{\"use_new_attention_order\": true}");
    hash("m.safetensors", found);
    assert_string_not_equal(found, first);
    pixel_settings("m.json", list, "{\"num_head_channels\": 32}");
    hash("m.safetensors", found);
    assert_string_not_equal(found, first);
    pixel_settings("m.json", list, "{\"noise_schedule\": \"cosine\"}");
    hash("m.safetensors", found);
    assert_string_not_equal(found, first);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_values),        SCRATCH_TEST(test_wrappers), SCRATCH_TEST(test_yaml),
        SCRATCH_TEST(test_same_ddpm),     SCRATCH_TEST(test_same_adm), SCRATCH_TEST(test_inferred),
        SCRATCH_TEST(test_architectures), SCRATCH_TEST(test_noise),    SCRATCH_TEST(test_size),
        SCRATCH_TEST(test_program),       SCRATCH_TEST(test_identity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
