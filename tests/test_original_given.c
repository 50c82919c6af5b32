/* What is given beside a model that is one file, and what follows from it: configs, autoencoders.
 */
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "models/model.h"
#include "original.h"
#include "program.h"

static void write_shapes(const char *name, const char *without, const char *metadata)
{
    json_t *list = original_list(name);

    if (without)
        original_drop(list, without);
    original_write("shapes.safetensors", list, &(original_file){.metadata = metadata});
    json_decref(list);
}

/* Opens an architecture by its shapes alone; without: a part's beginning, or NULL. */
static pb_model *open_shapes(const char *name, const char *without, const pb_model_options *options)
{
    pb_model *model;

    write_shapes(name, without, NULL);
    MUST(
        pb_model_open_with(&model, scratch_path(&here, "shapes.safetensors").text, options, error));
    return model;
}

static void check_size(const char *name, const pb_model_options *options, size_t expected)
{
    pb_model *m = open_shapes(name, NULL, options);

    assert_int_equal(pb_model_get_info(m)->sample_width, expected);
    pb_model_free(m);
}

/* A scheduler's config among those given says what is predicted, and the size follows from that. */
static void test_schedule(void **state)
{
    static const char config[] = "{\"_class_name\": \"DDIMScheduler\", \"beta_start\": 0.00085,"
                                 "\"beta_end\": 0.012, \"beta_schedule\": \"scaled_linear\","
                                 "\"prediction_type\": \"v_prediction\"}";
    const scratch_name configs = scratch_path(&here, "configs");
    pb_model_options options = {.config = configs.text};

    (void)state;
    scratch_folder(&here, "configs");
    scratch_folder(&here, "configs/scheduler");
    scratch_write(&here, "configs/scheduler/scheduler_config.json", config, strlen(config));
    check_size("v2-1", &options, 96);
    check_size("xl", &options, 128);
    options.prediction_type = "epsilon";
    check_size("v2-1", &options, 64);
}

/* Is this what was inferred of the autoencoder, once, and the scaling that it has? */
static void check_vae(pb_model *model, const char *line, double scaling)
{
    const char *inferred = pb_model_get_info(model)->inferred, *at;
    pb_autoencoder *a;

    at = inferred ? strstr(inferred, "autoencoder: ") : NULL;
    if (line) {
        assert_non_null(at);
        assert_null(strstr(at + 1, "autoencoder: "));
        if (strncmp(at, line, strlen(line)) || !strchr("\n", at[strlen(line)]))
            fail_msg("expected %s, found %s", line, at);
    } else
        assert_null(at);
    if (inferred)
        assert_true(*inferred && inferred[strlen(inferred) - 1] != '\n');
    MUST(pb_autoencoder_open(&a, model, error));
    assert_float_equal(pb_autoencoder_get_info(a).scaling, scaling, 1e-12);
    pb_autoencoder_free(a);
    pb_model_free(model);
}

static void write_vae(void)
{
    json_t *list = original_list("v1-5");

    original_keep(list, "first_stage_model.");
    original_rename(list, "first_stage_model.", "");
    original_write("vae.safetensors", list, &(original_file){0});
    json_decref(list);
}

/* An autoencoder's file says no scaling: it has that of the model, also of one without its own.
 * What was inferred of another is forgotten. */
static void test_vae(void **state)
{
    static const char yaml[] = "model:\n  params:\n    scale_factor: 0.5\n";
    const scratch_name path = scratch_path(&here, "vae.safetensors");
    pb_model_options options = {.vae = path.text};
    pb_model *model;

    (void)state;
    write_vae();
    check_vae(open_shapes("v1-5", NULL, &options),
              "autoencoder: latents scaled by 0.18215 (Stable Diffusion 1.x and 2.x)", 0.18215);
    check_vae(open_shapes("xl", NULL, &options),
              "autoencoder: latents scaled by 0.13025 (the model)", 0.13025);
    check_vae(open_shapes("xl", "first_stage_model.", &options),
              "autoencoder: latents scaled by 0.13025 (the model)", 0.13025);
    check_vae(open_shapes("v1-5", "first_stage_model.", &options),
              "autoencoder: latents scaled by 0.18215 (Stable Diffusion 1.x and 2.x)", 0.18215);
    scratch_write(&here, "shapes.yaml", yaml, strlen(yaml));
    check_vae(open_shapes("xl", "first_stage_model.", &options),
              "autoencoder: latents scaled by 0.5 (the model)", 0.5);
    remove(scratch_path(&here, "shapes.yaml").text);
    /* Of folders, with an autoencoder of their own and without. */
    MUST(pb_model_open_with(&model, GOLDEN "sdxl-tiny", &options, error));
    check_vae(model, "autoencoder: latents scaled by 0.13025 (the model)", 0.13025);
    scratch_copy(&here, GOLDEN "sdxl-tiny", "xl");
    scratch_change(&here, "xl/model_index.json", "{\"vae\": [null, null]}");
    MUST(pb_model_open_with(&model, scratch_path(&here, "xl").text, &options, error));
    check_vae(model, "autoencoder: latents scaled by 0.13025 (the model)", 0.13025);
    options.vae = GOLDEN "sd1-tiny/vae";
    check_vae(open_shapes("xl", NULL, &options), NULL, 0.18215);
}

/* What merges of XL have of CLIP beside what prompts need. */
static void test_leftovers(void **state)
{
    static const char *const names[] = {
        "conditioner.embedders.0.logit_scale", "conditioner.embedders.0.text_projection.weight",
        "conditioner.embedders.0.transformer.text_projection.weight",
        "conditioner.embedders.1.model.logit_scale"};
    json_t *list = original_list("xl");

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        original_add(list, names[i], "F32", "[]");
    original_write("shapes.safetensors", list, &(original_file){0});
    json_decref(list);
    expect(program(here.folder, "info shapes.safetensors"), 0, NULL);
}

/* What programs that write such files say of them. */
static void test_metadata(void **state)
{
    (void)state;
    write_shapes("v2-1", NULL, "{\"modelspec.predict_key\": \"v\"}");
    assert_non_null(strstr(program(here.folder, "info shapes.safetensors")->out,
                           "prediction: v_prediction (ModelSpec in the file)"));
    write_shapes("xl", NULL, "{\"modelspec.architecture\": \"stable-diffusion-xl-v0_9-base\"}");
    expect(program(here.folder, "info shapes.safetensors"), 0, NULL);
}

/* info says why pictures cannot be used, where an autoencoder is of another model. */
static void test_wrong_vae(void **state)
{
    (void)state;
    write_shapes("v1-5", "first_stage_model.", NULL);
    assert_non_null(
        strstr(program(here.folder, "info shapes.safetensors --vae " GOLDEN "sd1-tiny/unet")->out,
               "an autoencoder, which cannot be used: "));
    assert_null(strstr(program(here.folder, "info shapes.safetensors")->out, "cannot be used:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_vae),      SCRATCH_TEST(test_schedule),  SCRATCH_TEST(test_leftovers),
        SCRATCH_TEST(test_metadata), SCRATCH_TEST(test_wrong_vae),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
